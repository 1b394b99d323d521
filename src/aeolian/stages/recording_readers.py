"""Opening a recording, whatever it is, for the stages that hear it; `convert` needs nothing of this."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aeolian.errors import InputError
from aeolian.formats.opened import opened
from aeolian.formats.sizes import find_sound

if TYPE_CHECKING:
    from aeolian.formats.recording import RecordingReader

NEEDS_FFMPEG = "read without ffmpeg, so its end may be missing: convert it first"


def open_recording(path: Path) -> "RecordingReader":
    """Open a recording of any kind, to be read once. Raises `InputError` if it holds no sound that can be read.

    WAV and its kin, whose samples lie there as they are, are read by libsndfile; everything else by ffmpeg. libsndfile
    ends where an MP3's header guesses its end, behind the first link of a chained Ogg, and within a FLAC of unknown
    length. Where there is no ffmpeg (the image of the transcribers has none), it reads what it can.
    """
    from aeolian.formats.recording import RecordingReader
    from aeolian.formats.wav import WavReader

    with opened(path) as file:
        sound = find_sound(file)
    if sound is not None and sound.declared_bytes is not None:
        with suppress(InputError):  # A kind of WAV that libsndfile does not know.
            return RecordingReader(WavReader(path))
    try:
        from aeolian.formats.ffmpeg_reader import FfmpegReader
    except ModuleNotFoundError:
        reader = WavReader(path)
        return RecordingReader(reader, "" if reader.sure_of_end else NEEDS_FFMPEG)
    return RecordingReader(FfmpegReader(path))
