"""Recordings to WAV: whatever ffmpeg decodes, as 16-bit PCM under a standard name, in constant memory.

What a file is, is told by its content; a song with a wrong extension is converted, a picture is passed over.
"""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import InputError
from aeolian.names import assign_stems
from aeolian.stages.folders import output_folder, whole_file
from aeolian.stages.options import option
from aeolian.stages.progress import progress
from aeolian.stages.recordings import record, sources
from aeolian.stages.report import StageReport, in_worker

if TYPE_CHECKING:
    from aeolian.formats.audio_probe import Probe
    from aeolian.formats.decoding import Decoding
    from aeolian.formats.pcm_downmix import PcmDownmix
    from aeolian.formats.unfit import Unfit

BLOCK_S = 5.0
WORKERS = 2
PERCENT = 100
SECONDS_BETWEEN_REPORTS = 0.2
FULL_SCALE = 32768
SILENT_DBFS = -80.0
# Of a byte: 1 if it can be of a sample of 0x7FFF, 2 if of one of 0x8000.
_LOW_AT_END = bytes({0xFF: 1, 0x00: 2}.get(byte, 0) for byte in range(256))
_HIGH_AT_END = bytes({0x7F: 1, 0x80: 2}.get(byte, 0) for byte in range(256))


@dataclass(frozen=True)
class Config:
    """Recordings of any kind to WAV (16-bit PCM), one file a song, under standard names."""

    input: Path = option(help="Folder of recordings (or one file).")
    output: Path = option(help="Folder for the WAV files.")
    sample_rate: int | None = option(
        None,
        help="Sample rate of the WAV in Hz; the recording's own if not given.",
        minimum=8000,
        maximum=192000,
    )
    channels: int | None = option(
        None,
        help="1 for mono, 2 for stereo; as in the recording, at most 2, if not given.",
        minimum=1,
        maximum=2,
    )
    max_hours: float = option(
        12.0, help="A longer recording is refused: most likely a damaged or a hostile file.", minimum=0.001
    )


class Levels:
    """How loud a recording is, block by block: peak and RMS in dBFS (full scale = 32768), clipped samples."""

    def __init__(self) -> None:
        self._peak = 0
        self._energy = 0.0
        self._samples = 0
        self._clipped = 0

    def add(self, pcm: bytes) -> None:
        """Takes one block of 16-bit samples into account."""
        from aeolian.formats.segments import segment_of

        segment = segment_of(pcm)
        loudest, samples = segment.max, len(pcm) // 2
        self._peak = max(self._peak, loudest)
        self._energy += float(segment.rms) ** 2 * samples
        self._samples += samples
        if loudest >= FULL_SCALE - 1:
            self._clipped += clipped_samples(pcm)

    def details(self) -> dict[str, Any]:
        """For the report: dB below full scale, None for digital silence; silent below -80 dBFS."""
        peak_db = _dbfs(self._peak)
        rms_db = _dbfs(math.sqrt(self._energy / self._samples)) if self._samples else None
        silent = peak_db is None or peak_db < SILENT_DBFS
        return {
            "peak_dbfs": peak_db,
            "rms_dbfs": rms_db,
            "clipped_samples": self._clipped,
            "silent": silent,
        }


def clipped_samples(pcm: bytes) -> int:
    """How many samples of 16-bit little-endian `pcm` are at the positive or the negative end of the scale.

    0x7FFF and 0x8000 are told by their two bytes: each half of the samples becomes a number with bit 0 where it is
    that of the one, bit 1 where it is that of the other. NumPy would be 56 MB of the image for this alone.
    """
    low = int.from_bytes(pcm[0::2].translate(_LOW_AT_END), "little")
    high = int.from_bytes(pcm[1::2].translate(_HIGH_AT_END), "little")
    return (low & high).bit_count()


def run(config: Config) -> None:
    """Converts every recording below `config.input`. Raises `AeolianError` if there is none that could be."""
    output = output_folder(config.output)
    report = StageReport("convert")
    found = sources(config.input, output, report)
    stems = assign_stems(found, alone=in_worker())
    stop = threading.Event()
    songs = {name: _Song(path, output / f"{stems[name]}.wav", config, stop) for name, path in found.items()}
    with progress("converting") as tell, _pool(stop) as pool:
        work = {name: pool.submit(song.convert) for name, song in songs.items()}
        for name, future in work.items():
            while not future.done():
                tell(_percents(songs), PERCENT * len(songs), name)
                wait([future], timeout=SECONDS_BETWEEN_REPORTS)
            record(report, name, [songs[name].target.name], future.result)
        tell(PERCENT * len(songs), PERCENT * len(songs))
    report.close(output)


@contextmanager
def _pool(stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Workers that stop, with what they are at, when the block ends in an error."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="convert")
    try:
        yield pool
    except BaseException:
        stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


class _Stopped(Exception):
    """Another file's failure ended the stage."""


class _Song:
    """One file on its way to WAV. `share` of it is done."""

    def __init__(self, source: Path, target: Path, config: Config, stop: threading.Event) -> None:
        self.target = target
        self.share = 0.0
        self._source = source
        self._config = config
        self._stop = stop

    def convert(self) -> dict[str, Any]:
        """Writes the WAV, returns the details for the report. Raises `InputError` if nothing can be decoded."""
        from aeolian.formats.audio_probe import probe
        from aeolian.formats.decoding import Wanted, decode
        from aeolian.formats.float_pcm import count_unfit
        from aeolian.formats.pcm_downmix import downmix_of
        from aeolian.formats.unfit import Unfit

        try:
            told = probe(self._source)
            unfit = count_unfit(self._source, self._stop.is_set) if told.floats else Unfit()
            channels = self._config.channels or min(told.channels, 2)
            fewer = channels < told.channels
            wanted = Wanted(self._config.sample_rate, self._config.channels, bounded=unfit.harmful, beside=fewer)
            with decode(self._source, wanted) as decoding:
                downmix = downmix_of(decoding, channels, told.deep_channel) if decoding.beside else None
                levels = self._write(decoding, downmix, told.duration_s or math.inf)
            return _details(told, decoding, downmix, levels, unfit)
        finally:
            self.share = 1.0

    def _write(self, decoding: "Decoding", downmix: "PcmDownmix | None", expected_s: float) -> Levels:
        from aeolian.formats.pcm_wav import PcmWriter

        levels = Levels()
        most_frames = self._config.max_hours * 3600 * decoding.sample_rate_hz
        expected_frames = expected_s * decoding.sample_rate_hz
        with (
            whole_file(self.target) as partial,
            PcmWriter(partial, decoding.sample_rate_hz, (downmix or decoding).channels) as writer,
        ):
            for pcm in decoding.blocks(BLOCK_S):
                if self._stop.is_set():
                    raise _Stopped
                if decoding.frames > most_frames:
                    raise InputError(
                        f"is longer than {self._config.max_hours:g} hours",
                        remedy="Raise --max_hours if it really is a recording of that length.",
                    )
                kept = downmix.mix(pcm) if downmix else pcm
                levels.add(kept)
                writer.write_pcm(kept)
                self.share = min(1.0, decoding.frames / expected_frames)
        return levels


def _percents(songs: dict[str, _Song]) -> int:
    return int(sum(PERCENT * song.share for song in songs.values()))


def _details(
    probe: "Probe", decoding: "Decoding", downmix: "PcmDownmix | None", levels: Levels, unfit: "Unfit"
) -> dict[str, Any]:
    from aeolian.formats.sizes import cut_off_remark

    duration_s = decoding.frames / decoding.sample_rate_hz
    remarks = [f"decoder: {complaint}" for complaint in decoding.complaints]
    cut_off = cut_off_remark(duration_s, probe.declared_s)
    remarks += [*([cut_off] if cut_off else []), *unfit.remarks(), *(downmix.remarks() if downmix else [])]
    return {
        "duration_s": round(duration_s, 3),
        "sample_rate_hz": decoding.sample_rate_hz,
        "channels": (downmix or decoding).channels,
        "source": {
            "container": probe.container,
            "codec": probe.codec,
            "sample_rate_hz": probe.sample_rate_hz,
            "layout": probe.layout,
        },
        "tags": probe.tags,
        "levels": levels.details(),
        "remarks": remarks,
    }


def _dbfs(amplitude: float) -> float | None:
    """20 log10 of an amplitude over full scale; None for 0."""
    return round(20 * math.log10(amplitude / FULL_SCALE), 2) if amplitude else None
