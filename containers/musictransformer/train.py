"""TFRecord to a model: an entry point of the image `musictransformer`."""

from aeolian.stages.options import command
from aeolian.stages.train import Config, run

if __name__ == "__main__":
    command(Config, run, "train.py")()
