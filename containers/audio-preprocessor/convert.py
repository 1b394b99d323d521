"""MP3 and whatever else ffmpeg decodes to WAV: an entry point of the image `audio-preprocessor`."""

from aeolian.stages.convert import Config, run
from aeolian.stages.options import command

if __name__ == "__main__":
    command(Config, run, "convert.py")()
