"""What a transcriber learns from and is validated with, found in folders and made ready as takes."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import UsageError
from aeolian.stages.folders import input_files
from aeolian.stages.report import StageReport

if TYPE_CHECKING:
    from aeolian.stages.takes import Renderer
    from aeolian.transcription.training.corpus import Song
    from aeolian.transcription.training.takes import Take

log = logging.getLogger(__name__)

SOUNDFONT_SUFFIXES = (".sf2", ".sf3")
VALIDATION_SEED = 1_000_003

# Counts up when takes of the same songs, soundfonts and seed would sound otherwise: old ones are then not taken.
RENDERING_VERSION = 3

PairFiles = tuple[str, Path, Path]  # name, audio, notes


@dataclass(frozen=True, eq=False)
class Corpus:
    """Songs and (name, audio, notes) pairs, for training and held out, and the soundfonts."""

    songs: "list[Song]"
    held_out_songs: "list[Song]"
    pairs: list[PairFiles]
    held_out_pairs: list[PairFiles]
    soundfonts: list[Path]
    validation_soundfonts: list[Path]

    @staticmethod
    def read(
        folder: Path,
        validation: Path | None,
        soundfonts: Path | None,
        validation_soundfonts: Path | None,
        report: StageReport,
    ) -> "Corpus":
        """What the folders hold. Raises UsageError if there is nothing to learn from."""
        from aeolian.transcription.training.corpus import maestro_splits, split_songs

        files = _files(folder, report)
        songs, pairs = _found(folder, files, report)
        if validation is not None:
            held_out_songs, held_out_pairs = _found(validation, _files(validation, report), report)
        else:
            songs, held_out_songs = split_songs(songs)
            pairs, held_out_pairs = _split_pairs(maestro_splits(files), pairs)
        if not songs and not pairs:
            raise UsageError(
                f"{folder} holds nothing to learn from: no recording with its notes, and no MIDI file.",
                remedy="A recording NAME.wav needs NAME.midi, NAME.mid, NAME.tsv or NAME.txt beside it.",
            )
        if not held_out_songs and not held_out_pairs:
            log.info("train-transcriber: too few songs to hold any out; there is no validation")
        fonts = _soundfonts(soundfonts, files, report) if songs or held_out_songs else []
        other = _soundfonts(validation_soundfonts, files, report) if validation_soundfonts else fonts
        return Corpus(songs, held_out_songs, pairs, held_out_pairs, fonts, other)

    def renderer(self, folder: Path, *, hours: float, seed: int, workers: int) -> "Renderer":
        """Of the training songs."""
        from aeolian.stages.takes import MEAN_TAKE_S, Renderer, renderings

        takes = folder / f"takes-{_digest(self.songs, self.soundfonts, seed)}"
        count = max(1, round(hours * 3600 / MEAN_TAKE_S)) if self.songs else 0
        return Renderer(renderings(takes, self.songs, self.soundfonts, count=count, seed=seed), workers)

    def validation_renderer(self, folder: Path, *, count: int, workers: int) -> "Renderer":
        """Of the songs held out."""
        from aeolian.stages.takes import Renderer, renderings

        songs, fonts, seed = self.held_out_songs, self.validation_soundfonts, VALIDATION_SEED
        takes = folder / f"validation-{_digest(songs, fonts, seed)}"
        jobs = renderings(takes, songs, fonts, count=count if songs else 0, seed=seed, textures=False)
        return Renderer(jobs, workers)

    def recorded(self, folder: Path, report: StageReport) -> "tuple[list[Take], list[Take]]":
        """The recordings as takes, for training and held out."""
        from aeolian.stages.takes import recorded

        def takes(pairs: list[PairFiles]) -> "list[Take]":
            return [take for name, audio, notes in pairs for take in recorded(folder, name, audio, notes, report)]

        return takes(self.pairs), takes(self.held_out_pairs)

    def digest(self) -> str:
        """Of the content of everything."""
        digest = hashlib.sha256()
        digest.update(_digest(self.songs, self.soundfonts, 0).encode())
        digest.update(_digest(self.held_out_songs, self.validation_soundfonts, 0).encode())
        for side, pairs in (("training", self.pairs), ("validation", self.held_out_pairs)):
            for name, audio, notes in pairs:
                digest.update(f"{side} {name} {audio.stat().st_size}".encode() + notes.read_bytes())
        return digest.hexdigest()

    def described(self, hours: float) -> dict[str, Any]:
        """For `config.json`."""
        return {
            "songs": len(self.songs),
            "validation_songs": len(self.held_out_songs),
            "recordings": len(self.pairs),
            "validation_recordings": len(self.held_out_pairs),
            "hours_to_render": hours if self.songs else 0.0,
            "soundfonts": [path.name for path in self.soundfonts],
            "validation_soundfonts": [path.name for path in self.validation_soundfonts],
        }


def _digest(songs: "Iterable[Song]", soundfonts: Iterable[Path], seed: int) -> str:
    """Of what renderings depend on."""
    digest = hashlib.sha256(f"{RENDERING_VERSION} {seed}".encode())
    for song in songs:
        for array in (song.notes.onset_s, song.notes.offset_s, song.notes.pitch, song.notes.velocity):
            digest.update(array.tobytes())
        digest.update(song.pedal.time_s.tobytes() + song.pedal.value.tobytes())
    for font in soundfonts:
        digest.update(font.name.encode() + font.read_bytes())
    return digest.hexdigest()[:16]


def _files(folder: Path, report: StageReport) -> list[Path]:
    if folder.is_file():
        raise UsageError(f"{folder} is a file.", remedy="Give a folder of recordings with their notes, or of MIDI.")
    return input_files(folder, report)


def _found(folder: Path, files: list[Path], report: StageReport) -> "tuple[list[Song], list[PairFiles]]":
    from aeolian.transcription.training.corpus import midi_files, paired_files, read_song

    songs: list[Song] = []
    for path in midi_files(files):
        name = path.relative_to(folder).as_posix()
        with report.entry(name) as entry:
            songs.append(read_song(path, name))
            entry.details = {"notes": len(songs[-1].notes)}
    pairs = [(a.relative_to(folder).as_posix(), a, n) for a, n in paired_files(files)]
    return songs, pairs


def _split_pairs(table: dict[str, str], pairs: list[PairFiles]) -> tuple[list[PairFiles], list[PairFiles]]:
    """By the table of MAESTRO where there is one (its test files are left out), else by a hash of the notes."""
    from aeolian.transcription.training.corpus import VALIDATION_ONE_IN

    sides: dict[str, list[PairFiles]] = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        name, _, notes = pair
        split = next((side for listed, side in table.items() if name.endswith(listed)), "train" if table else None)
        if split is None:
            drawn = int.from_bytes(hashlib.sha256(notes.read_bytes()).digest()[:8], "big")
            split = "validation" if drawn % VALIDATION_ONE_IN == 0 else "train"
        sides.setdefault(split, []).append(pair)
    return sides["train"], sides["validation"]


def _soundfonts(path: Path | None, beside: list[Path], report: StageReport) -> list[Path]:
    """List the soundfonts to play with: of `path`, or else those `beside` the songs.

    Raises UsageError if there is none, or one cannot be read.
    """
    from aeolian.rendering.player import programs
    from aeolian.rendering.synthesis import default_soundfont

    found = [path] if path is not None and path.is_file() else []
    if not found:
        inside = beside if path is None else input_files(path, report)
        found = sorted(file for file in inside if file.suffix.lower() in SOUNDFONT_SUFFIXES)
    if not found and path is not None:
        raise UsageError(f"{path} holds no soundfont.", remedy="Give a folder of .sf2 or .sf3 files, or one file.")
    found = found or [default_soundfont()]
    for font in found:
        programs(font)
    return found
