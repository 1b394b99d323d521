"""Recordings and MIDI to a transcriber: an entry point of the image `musictransformer`."""

from aeolian.stages.options import command
from aeolian.stages.train_transcriber import Config, run

if __name__ == "__main__":
    command(Config, run, "train_transcriber.py")()
