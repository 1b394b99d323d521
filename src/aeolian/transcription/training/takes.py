"""Takes: stretches of sound with their notes, on disk, from which training cuts its segments.

A take is four files: `NAME.audio.npy`, int16[n] at 16 kHz, and `NAME.labels.npy`, uint8[n // 512, 88, 2]
(`labels.rolls`), of which only segments are read; `NAME.notes.npy` is float64[k, 4] (onset, offset in s, pitch,
velocity); `NAME.json` tells how many frames there are and where they come from, and is written last: a take is there
whole or not at all.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes
from aeolian.transcription.mel import HOP_SAMPLES, SAMPLE_RATE_HZ
from aeolian.transcription.onsets_and_frames.config import PITCHES
from aeolian.transcription.training.labels import WEIGHT, Bytes, rolls

Pcm = npt.NDArray[np.int16]
_PEAK = 0.9 * 32767


@dataclass(frozen=True)
class Take:
    """The take `name` in `folder`, of `frames` frames. Its files are opened when they are read, and closed."""

    folder: Path
    name: str
    frames: int
    source: str = ""

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.frames * HOP_SAMPLES / SAMPLE_RATE_HZ

    def notes(self) -> Notes:
        """Its notes, ends as heard."""
        return Notes.of(map(tuple, np.load(self._path("notes"), allow_pickle=False).tolist()))

    def cut(self, start_frame: int, frames: int) -> tuple[Pcm, Bytes]:
        """`frames` frames from `start_frame` on; what lies past the end is silence."""
        audio = np.zeros(frames * HOP_SAMPLES, np.int16)
        labels = np.full((frames, PITCHES, 2), (WEIGHT, 0), np.uint8)
        sound = np.load(self._path("audio"), mmap_mode="r", allow_pickle=False)
        said = np.load(self._path("labels"), mmap_mode="r", allow_pickle=False)
        sound = sound[start_frame * HOP_SAMPLES : (start_frame + frames) * HOP_SAMPLES]
        said = said[start_frame : start_frame + frames]
        audio[: len(sound)], labels[: len(said)] = sound, said
        return audio, labels

    def _path(self, part: str) -> Path:
        return self.folder / f"{self.name}.{part}.npy"


def write_take(folder: Path, name: str, audio: npt.NDArray[np.float32], notes: Notes, about: Mapping[str, Any]) -> None:
    """Writes a take; `audio` float32[n] at 16 kHz is scaled to a peak of 0.9 first, as a recording is levelled."""
    peak = float(np.abs(audio).max()) if len(audio) else 0.0
    scaled = audio * np.float32(_PEAK / peak) if peak > 0 else audio
    frames = len(audio) // HOP_SAMPLES
    table = np.stack([notes.onset_s, notes.offset_s, notes.pitch, notes.velocity], axis=1).astype(np.float64)
    _save(folder / f"{name}.audio.npy", np.rint(scaled).astype(np.int16))
    _save(folder / f"{name}.labels.npy", rolls(notes, frames))
    _save(folder / f"{name}.notes.npy", table)
    partial = folder / f".{name}.json"
    partial.write_text(json.dumps({**about, "frames": frames}, sort_keys=True), encoding="utf-8")
    partial.replace(folder / f"{name}.json")


def find_take(folder: Path, name: str) -> Take | None:
    """The take, if it is there, whole."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    about = json.loads(path.read_text(encoding="utf-8"))
    return Take(folder, name, int(about["frames"]), str(about.get("source", "")))


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    partial.replace(path)


@dataclass(frozen=True)
class Batch:
    """`audio` int16[batch, frames · 512], `labels` uint8[batch, frames, 88, 2]."""

    audio: Pcm
    labels: Bytes


def batch_of(takes: Sequence[Take], size: int, frames: int, rng: np.random.Generator) -> Batch:
    """`size` segments of `takes`, chosen by their length, each beginning at any frame."""
    starts = np.array([max(1, take.frames - frames + 1) for take in takes])
    chosen = rng.choice(len(takes), size, p=starts / starts.sum())
    return batch([takes[which].cut(int(rng.integers(starts[which])), frames) for which in chosen])


def batch(pieces: Sequence[tuple[Pcm, Bytes]]) -> Batch:
    """Pieces of one length as a batch."""
    return Batch(np.stack([audio for audio, _ in pieces]), np.stack([labels for _, labels in pieces]))
