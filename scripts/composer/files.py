"""From a piece to its files: MIDI as it is written, a recording of it as tagged MP3."""

import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from aeolian.formats.midi import read_midi
from aeolian.formats.wav import quantised
from aeolian.music.notes import Notes
from composer import felt, room
from composer.catalogue import Clip
from composer.piece import Piece

Samples = npt.NDArray[np.float32]

ARTIST, ALBUM, LICENCE = "Aeolian", "Samples", "CC0-1.0"


def rung_notes(piece: Piece) -> Notes:
    """The notes of a piece as they ring: written as MIDI, read back with the pedal applied."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "piece.mid")
        path.write_bytes(piece.midi_bytes())
        return read_midi(path)


def record(clip: Clip, *, until_s: float = float("inf")) -> Samples:
    """The clip's sound, float32[frames, channels]; with `until_s`, only of the notes struck before."""
    piece = clip.piece()
    notes = rung_notes(piece)
    notes = notes.take(notes.onset_s < until_s)
    dry = felt.play(notes, clip.sample_rate_hz, piece.seed)
    if clip.pad:
        dry = dry + room.pad(notes, clip.sample_rate_hz, len(dry), clip.pad)
    sound = room.mastered(room.reverberated(dry, clip.sample_rate_hz, clip.wet, piece.seed), clip.sample_rate_hz)
    return sound if clip.channels == 2 else sound.mean(axis=1, keepdims=True)


def write_mp3(path: Path, clip: Clip, sound: Samples) -> None:
    """Encodes with the bundled ffmpeg; `-bitexact` keeps its version and the time out of the file."""
    tags = {"title": clip.piece().title, "artist": ARTIST, "album": ALBUM, "copyright": LICENCE}
    source = ["-f", "s16le", "-ar", str(clip.sample_rate_hz), "-ac", str(clip.channels), "-i", "pipe:0"]
    named = [word for key, value in tags.items() for word in ("-metadata", f"{key}={value}")]
    target = ["-c:a", "libmp3lame", "-b:a", clip.bitrate, *named, "-id3v2_version", "3", "-bitexact"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *target, str(path)]
    subprocess.run(command, input=quantised(sound).tobytes(), check=True)
