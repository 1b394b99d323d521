"""MIDI to WAV and a picture: an entry point of the image `generate`."""

from aeolian.stages.options import command
from aeolian.stages.render import Config, run

if __name__ == "__main__":
    command(Config, run, "render.py")()
