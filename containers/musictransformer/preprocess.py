"""MIDI to TFRecord: an entry point of the image `musictransformer`."""

from aeolian.stages.options import command
from aeolian.stages.preprocess import Config, run

if __name__ == "__main__":
    command(Config, run, "preprocess.py")()
