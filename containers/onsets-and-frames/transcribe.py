"""WAV to MIDI: an entry point of the image `onsets-and-frames`."""

from aeolian.stages.options import command
from aeolian.stages.transcribe import Config, run

if __name__ == "__main__":
    command(Config, run, "transcribe.py")()
