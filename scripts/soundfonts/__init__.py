"""Soundfonts made small: what `make_piano_soundfonts.py` works with."""
