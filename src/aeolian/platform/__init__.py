"""What is asked of an engine, wherever it runs: one protocol, and the records it answers with.

`specs` reads pipeline specs, `sources` finds what a put means; both are the same for every engine.
"""
