"""The stages, in the order the data meets them: convert, transcribe, preprocess, train, generate, render.

Each module holds one frozen dataclass of options and `run(config)`. Nothing heavy is imported before `run` is.
"""
