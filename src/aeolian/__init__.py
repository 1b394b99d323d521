"""Aeolian: a folder of recordings goes in; a music model and new music come out."""

__version__ = "0.1.0"
