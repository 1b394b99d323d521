"""Recordings through chains of effects: the entry point of the image `effects`."""

from aeolian.stages.effects import Config, run
from aeolian.stages.options import command

if __name__ == "__main__":
    command(Config, run, "effects.py")()
