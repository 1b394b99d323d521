"""MIDI → events → tokens → TFRecord: one file a song, and the split that each song belongs to for good."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aeolian import names
from aeolian.errors import InputError
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import Entry, StageReport, in_worker


@dataclass(frozen=True)
class Config:
    """Turns MIDI files into training examples: one TFRecord of event tokens for each song.

    Drums are left out. The sustain pedal is applied, time is counted in steps of 10 ms, velocity in 32 bins: Magenta's
    performance encoding. A song's place in training, validation or test follows from its content, so it never moves.
    """

    midi_dir: Path = option(positional=True, help="Folder of MIDI files.")
    output_dir: Path = option(positional=True, help="Folder for the TFRecord files.")
    validation_percent: int = option(10, minimum=0, maximum=50, help="Share of songs held out to choose a model by.")
    test_percent: int = option(10, minimum=0, maximum=49, help="Share of songs held out to judge it by.")


def run(config: Config) -> None:
    """Runs the stage. Raises UsageError for folders that cannot be used."""
    from aeolian.formats.midi import read_score
    from aeolian.formats.song_example import SongExample, write_song
    from aeolian.music.codec import encode

    report = StageReport("preprocess")
    files = input_files(config.midi_dir, report)
    output = output_folder(config.output_dir)
    root = config.midi_dir if config.midi_dir.is_dir() else config.midi_dir.parent
    relative = {path: path.relative_to(root).as_posix() for path in files}
    stems = names.assign_stems(relative.values(), alone=in_worker(), plain_extension="mid")

    def convert(path: Path, entry: Entry) -> None:
        stem = stems[relative[path]]
        score = read_score(path)
        notes = score.notes()
        if not len(notes):
            raise InputError(f"{'; '.join(['no notes in it', *score.remarks])}.")
        tokens = encode(notes)
        split = split_of(tokens.tobytes(), config.validation_percent, config.test_percent)
        target = output / f"{stem}.tfrecord"
        with whole_file(target) as partial:
            write_song(partial, SongExample(stem, split, tokens))
        entry.outputs = [target.name]
        entry.details = {
            "notes": len(notes),
            "tokens": len(tokens),
            "split": split,
            "seconds": round(notes.end_s, 2),
            "remarks": score.remarks,
        }
        report.say_remarks(entry)

    with progress("preprocessing") as show:
        for done, path in enumerate(files, start=1):
            with report.entry(relative[path]) as entry:
                convert(path, entry)
            show(done, len(files), relative[path])
    report.close(output)


def split_of(content: bytes, validation_percent: int, test_percent: int) -> str:
    """`train`, `validation` or `test`, from the SHA-256 of the song's tokens: the same for ever, wherever it lies."""
    bucket = int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % 10_000
    if bucket < validation_percent * 100:
        return "validation"
    if bucket < (validation_percent + test_percent) * 100:
        return "test"
    return "train"
