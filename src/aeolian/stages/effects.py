"""Music to finished music: every recording through every chain of effects, block by block.

With one chain, each recording becomes `<stem>.wav`; with a folder of chains, `<chain>/<stem>.wav` for each of them.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import AeolianError, InputError, UsageError
from aeolian.names import assign_stems
from aeolian.stages.batching import each_datum
from aeolian.stages.folders import input_files, output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import Report, progress
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.recordings import record, sources
from aeolian.stages.report import StageReport, in_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aeolian.effects import Chain
    from aeolian.effects.samples import Samples
    from aeolian.formats.recording import RecordingReader

STAGE = "effects"
CHAIN_EXTENSIONS = (".txt", ".json")
MAX_CHAIN_BYTES = 65_536
READ_S = 1.0
_PERCENT = 100


@dataclass(frozen=True)
class Config:
    """Recordings through chains of effects, to WAV (16-bit PCM)."""

    input: Path = option(help="A recording, or a folder of them.")
    output: Path = option(help="Folder for the WAV files.")
    chain: str | None = option(
        None, help='The effects in order, as in "compress | pitch 7 | delay 0.25 0.8 | reverb"; or as JSON.'
    )
    chains: Path | None = option(
        None, help="In place of --chain: a text or JSON file with a chain, or a folder of them, all of which are used."
    )
    max_hours: float = option(
        3.0, help="A longer recording is refused: most likely a damaged or a hostile file.", minimum=0.001
    )


def run(config: Config) -> None:
    """Finish every recording; one that cannot be used is named in the report, and so is a chain; the others go on.

    Raises `UsageError` when there is no chain or no input folder, `AeolianError` when nothing could be finished. In a
    batch of a pipeline, datum after datum in one process: see `stages.batching`.
    """
    if (config.chain is None) == (config.chains is None):
        raise UsageError(
            "Which effects?" if config.chain is None else "--chain and --chains are both given.",
            remedy='Give one of them, as in: --chain "compress | reverb".',
        )
    each_datum(lambda: _finish_all(config))


def _finish_all(config: Config) -> None:
    output = output_folder(config.output)
    report = StageReport(STAGE)
    chains = _read_chains(config, report)
    found = sources(config.input, output, report)
    stems = assign_stems(found, alone=in_worker(), plain_extension="wav")
    work = [(folder, label, chain, name) for folder, (label, chain) in chains.items() for name in found]
    with progress("finishing") as tell:
        for number, (folder, label, chain, name) in enumerate(work):

            def advance(done: int, total: int, note: str = "", *, before: int = number, name: str = name) -> None:
                tell(before * _PERCENT + _PERCENT * min(done, total) // max(1, total), len(work) * _PERCENT, name)

            target = output / folder / f"{stems[name]}.wav"
            finish = functools.partial(finish_file, config, chain, found[name], target, advance)
            record(report, f"{label}{name}", [target.relative_to(output).as_posix()], finish)
            if report.entries[-1].status == "ok":
                report.say_remarks(report.entries[-1])
        tell(len(work) * _PERCENT, len(work) * _PERCENT)
    report.close(output)


def finish_file(config: Config, chain: "Chain", source: Path, target: Path, report: Report) -> dict[str, Any]:
    """Write `target`, or nothing; give the details for the report. Raises `InputError` where that cannot be done."""
    from aeolian.effects import write_chain
    from aeolian.formats.wav import WavWriter

    with open_recording(source) as recording:
        rate_hz, channels = recording.sample_rate_hz, recording.channels
        try:
            stream = chain.stream(rate_hz, channels)
        except UsageError as error:  # This recording has no such frequency; others may.
            raise InputError(str(error)) from error
        target.parent.mkdir(exist_ok=True)
        loud, frames = 0, 0
        with whole_file(target) as partial, WavWriter(partial, rate_hz, channels) as writer:
            for block in stream.through(_read(recording, config.max_hours, report)):
                loud += int((abs(block) > 1).sum())
                frames += len(block)
                writer.write(block)
            if not recording.read_frames:
                raise InputError("holds no samples, so there is nothing to finish.")
        remarks = recording.remarks()
    if loud:
        remarks.append(f"{loud:,} samples were louder than full scale, and clipped: end the chain with limit")
    return {
        "chain": write_chain(chain),
        "duration_s": round(frames / rate_hz, 3),
        "sample_rate_hz": rate_hz,
        "channels": channels,
        "remarks": remarks,
    }


def _read(recording: "RecordingReader", max_hours: float, report: Report) -> "Iterator[Samples]":
    """Give the blocks of a recording. Raises `InputError` once it is longer than `max_hours`."""
    for block in recording.blocks(max(1, round(READ_S * recording.sample_rate_hz))):
        if recording.read_frames > max_hours * 3600 * recording.sample_rate_hz:
            raise InputError(
                f"is longer than {max_hours:g} hours",
                remedy="Raise --max_hours if it really is a recording of that length.",
            )
        report(recording.read_frames, recording.frames, "")
        yield block


def _read_chains(config: Config, report: StageReport) -> "dict[str, tuple[str, Chain]]":
    """Give each chain by the folder below the output that its recordings go to, with what entries are labelled by.

    Raises `UsageError` for a `--chain` that is none, or where there is no file of `--chains`; a file that holds no
    chain is named in the report.
    """
    from aeolian.effects import read_chain

    if config.chains is None:
        return {"": ("", read_chain(config.chain or ""))}
    folder = config.chains if config.chains.is_dir() else config.chains.parent
    files = {path.relative_to(folder).as_posix(): path for path in input_files(config.chains, report)}
    if not files and not report.count("failed"):
        raise UsageError(f"No chain in {config.chains}.", remedy='Put a text file there, such as: "compress | reverb".')
    for name in [name for name in files if not name.lower().endswith(CHAIN_EXTENSIONS)]:
        report.skip(name, f"not a chain by its name ({', '.join(CHAIN_EXTENSIONS)})")
        del files[name]
    stems = assign_stems(map(_as_song, files), alone=in_worker())
    found = {}
    for name, path in files.items():
        try:
            found[stems[_as_song(name)]] = (f"{name}: ", read_chain(_read_text(path)))
        except AeolianError as error:
            report.fail(name, str(error))
    return found


def _as_song(name: str) -> str:
    """Give the name that a song would have, so that `hall.txt` gets the plain name `hall`. No two become one."""
    return f"{name[:-4]}.mp3" if name.endswith(".txt") else name


def _read_text(path: Path) -> str:
    """Read a small text file. Raises `InputError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CHAIN_BYTES + 1)
        if len(content) > MAX_CHAIN_BYTES:
            raise InputError(f"holds more than {MAX_CHAIN_BYTES:,} bytes, so it is no chain of effects.")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is no text, so it is no chain of effects.") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.") from error
