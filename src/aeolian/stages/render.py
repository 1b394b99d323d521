"""MIDI to sound and picture: what the model wrote, to be heard and seen. One instrument plays all parts but drums.

Each MIDI file below the input becomes `<stem>.wav` and, unless told otherwise, `<stem>.png`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeolian.errors import InputError, UsageError
from aeolian.names import assign_stems, named_as_midi
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.report import StageReport, in_worker

STAGE = "render"
_PERCENT = 100


@dataclass(frozen=True)
class Config:
    """MIDI to WAV, played with a soundfont, and to a piano roll (PNG)."""

    input: Path = option(flag="--input", help="A MIDI file, or a folder of them.")
    output: Path = option(flag="--output", help="Folder for the WAV files and pictures.")
    sample_rate: int = option(44_100, help="Samples a second of the WAV.", minimum=8_000, maximum=192_000)
    soundfont: Path | None = option(None, help="An .sf2 file [default: TimGM6mb of the pretty_midi package].")
    program: int = option(
        0, help="The soundfont's instrument, counted from 0; 0 is a grand piano.", minimum=0, maximum=127
    )
    picture: bool = option(True, help="Draw a piano roll beside each WAV.")
    max_hours: float = option(
        3.0, help="A longer piece is refused: most likely a damaged file, and 600 MB an hour.", minimum=0.001
    )


def run(config: Config) -> None:
    """Renders every MIDI file; one that cannot be used is named in the report, and the others go on.

    Raises UsageError when there is no input folder, no MIDI file in it, or no such soundfont or program.
    """
    summary = StageReport(STAGE)
    found = input_files(config.input, summary)
    folder = config.input if config.input.is_dir() else config.input.parent
    names = [path.relative_to(folder).as_posix() for path in found]
    songs = [name for name in names if named_as_midi(name)]
    if not songs and not summary.count("failed") and not in_worker():
        raise UsageError(
            f"No MIDI file (.mid, .midi, .kar, .rmi) in {config.input}.", remedy="Name a folder that holds some."
        )
    output = output_folder(config.output)
    for name in sorted(set(names) - set(songs)):
        summary.skip(name, "not a MIDI file by its name")

    stems = assign_stems(songs, alone=in_worker(), plain_extension="mid")
    with progress("rendering") as report:
        for i, name in enumerate(songs):

            def advance(done: int, total: int, note: str = "", *, before: int = i, name: str = name) -> None:
                part = (_PERCENT - 1) * done // max(total, 1)
                report(before * _PERCENT + part, len(songs) * _PERCENT, f"{name} {note}".strip())

            with summary.entry(name) as entry:
                entry.outputs, entry.details = render_file(config, folder / name, output / stems[name], advance)
                summary.say_remarks(entry)
            report((i + 1) * _PERCENT, len(songs) * _PERCENT, name)
    summary.close(output)


def render_file(
    config: Config, source: Path, target: Path, report: Callable[[int, int, str], None]
) -> tuple[list[str], dict[str, Any]]:
    """One MIDI file: `target` with `.wav` and `.png` added to its name, both whole or neither.

    Returns their names and what the report tells of them. Raises InputError for a piece that cannot be played.
    """
    from aeolian.formats.midi import read_score
    from aeolian.formats.wav import WavWriter
    from aeolian.rendering import piano_roll, synthesis

    score = read_score(source)
    notes = score.notes()
    if not len(notes):
        raise InputError(f"{'; '.join(['has no notes, so there is nothing to play', *score.remarks])}.")
    if notes.end_s > config.max_hours * 3600:
        raise InputError(
            f"lasts {notes.end_s / 3600:.1f} hours, which is more than {config.max_hours:g}.",
            remedy="Raise --max_hours if it really is a piece of that length.",
        )
    wav, picture = _named(target, ".wav"), _named(target, ".png")
    frames = synthesis.total_frames(notes, sample_rate_hz=config.sample_rate)
    pieces = synthesis.blocks(
        notes,
        sample_rate_hz=config.sample_rate,
        soundfont=config.soundfont,
        program=config.program,
        report=report,
    )
    with whole_file(wav) as partial:
        with WavWriter(partial, config.sample_rate, 2) as writer:
            for block in pieces:
                writer.write(block)
        if config.picture:
            with whole_file(picture) as partial_picture:
                piano_roll.draw(partial_picture, notes, title=source.stem, seed_end_s=score.boundary_s)
    return [wav.name] + ([picture.name] if config.picture else []), {
        "notes": len(notes),
        "duration_s": round(frames / config.sample_rate, 3),
        "sample_rate_hz": config.sample_rate,
        "remarks": score.remarks,
    }


def _named(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)
