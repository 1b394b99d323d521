"""Pieces to be measured: the MIDI files and TFRecords of a folder, all as the codec has them."""

import math
from pathlib import Path

from aeolian.errors import InputError, UsageError
from aeolian.formats.song_example import SongExample
from aeolian.names import named_as_midi
from aeolian.stages.folders import input_files
from aeolian.stages.progress import Report
from aeolian.stages.report import StageReport


def read_pieces(folder: Path, stage: str, show: Report) -> list[SongExample]:
    """Every piece below `folder` with any note in it: MIDI files, encoded (and of no split: `train`), and TFRecords.

    Drums are left out. So what a model plays and what it was trained on are measured alike. Unusable files are named on
    stderr and left out. Raises UsageError if nothing is left.
    """
    from aeolian.formats.midi import read_score
    from aeolian.formats.song_example import read_songs
    from aeolian.music.codec import encode

    report = StageReport(stage)
    files = [path for path in input_files(folder, report) if named_as_midi(path.name) or path.suffix == ".tfrecord"]
    pieces: list[SongExample] = []
    for done, path in enumerate(files, start=1):
        name = path.name if path == folder else path.relative_to(folder).as_posix()
        with report.entry(name) as entry:
            if path.suffix == ".tfrecord":
                found = list(read_songs(path))
            else:
                score = read_score(path)
                entry.details["remarks"] = score.remarks
                found = [SongExample(name.removesuffix(path.suffix), "train", encode(score.notes()))]
            found = [piece for piece in found if len(piece.tokens)]
            if not found:
                raise InputError(f"{'; '.join(['no notes in it', *entry.details.get('remarks', ())])}.")
            report.say_remarks(entry)
            pieces += found
        show(done, len(files), name)
    if not pieces:
        raise UsageError(
            f"There is no piece in {folder} that can be measured.",
            remedy="Name a folder of MIDI files (.mid, .midi) or TFRecords.",
        )
    return pieces


def finite(value: float) -> float | None:
    """The number, or None, which JSON has too, for NaN and infinities."""
    return float(value) if math.isfinite(value) else None


def of_split(songs: list[SongExample], split: str, folder: Path) -> list[SongExample]:
    """The songs that training uses as `split` (train, validation or test), or all for `all`. Raises UsageError."""
    if split == "all":
        return songs
    from aeolian.transformer.dataset import split_songs

    chosen: list[SongExample] = getattr(split_songs(songs), split)
    if not chosen:
        raise UsageError(f"No song of {folder} is in the {split} split.", remedy="--split all takes every song.")
    return chosen
