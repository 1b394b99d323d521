"""seeds and a model to new music: an entry point of the image `generate`."""

from aeolian.stages.generate import Config, run
from aeolian.stages.options import command

if __name__ == "__main__":
    command(Config, run, "generate.py")()
