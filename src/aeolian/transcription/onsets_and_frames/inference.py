"""A recording of any length through the network, in constant memory.

Twice through the sound: the level and the floor of the spectrogram follow from the loudest sample and cell of the
whole (as Magenta has it), so the powers are kept in a temporary file (29 KB a second) until those are known. Then the
ears take parts that overlap by the few frames that the convolutions see, which changes nothing; and the memory takes
minutes that overlap by `CONTEXT_FRAMES` to each side. So every frame is heard with ten seconds or more before and after
it; only what the LSTMs would have kept from further away is lost.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from aeolian.errors import InputError
from aeolian.formats.closing import Closing
from aeolian.transcription.mel import MEL_BINS, SAMPLE_RATE_HZ, MelPower, decibels, frame_count, power_gain
from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.onsets_and_frames.network import Network
from aeolian.transcription.resampling import mono_blocks
from aeolian.transcription.transcriber import Recording, Report, silent

Floats = NDArray[np.float32]
# What the ears take at once (8 s), and what the memory answers for at once (a minute), with this much around it (10 s).
PART_FRAMES = 250
CORE_FRAMES = 1_875
CONTEXT_FRAMES = 313
_BYTES_IN_MEMORY = 32 << 20
_ROW_BYTES = 4 * MEL_BINS
# How much of the work the first time through the sound is, for the progress.
_FIRST_SHARE = 0.3

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def listen(recording: Recording, network: Network, *, threads: int = 1, report: Report = silent) -> Iterator[Heard]:
    """The network's outputs for the whole recording, about a minute at a time, in order.

    Raises `InputError` for a recording without samples.
    """
    total_s = max(1, round(recording.frames / recording.sample_rate_hz))
    with Spectrogram() as spectrogram:
        # BLAS's own threads gain little here, and lose much where the machine is busy.
        with threadpool_limits(1, "blas"):
            for block in mono_blocks(recording, SAMPLE_RATE_HZ):
                spectrogram.push(block)
                report(min(total_s - 1, round(_FIRST_SHARE * spectrogram.samples / SAMPLE_RATE_HZ)), total_s)
            if not spectrogram.samples:
                raise InputError("holds no samples")
            spectrogram.finish()
        with ThreadPoolExecutor(threads, thread_name_prefix="onsets-frames") as pool:
            done_frames = 0
            for heard in _outputs(spectrogram, network, pool, threads):
                yield heard
                done_frames += len(heard.onset)
                share = _FIRST_SHARE + (1 - _FIRST_SHARE) * done_frames / spectrogram.frames
                report(min(total_s - 1, round(share * total_s)), total_s)
    report(total_s, total_s)


def _outputs(spectrogram: "Spectrogram", network: Network, pool: ThreadPoolExecutor, threads: int) -> Iterator[Heard]:
    parts = _ahead(pool, _part_of(network), _parts(spectrogram, network.config.context_frames), threads)
    windows = _windows(parts, spectrogram.frames)
    return _ahead(pool, lambda window: _core(network, *window), windows, threads)


def _part_of(network: Network) -> Callable[[tuple[Floats, int, int]], Floats]:
    """The features of a part of a spectrogram, the frames around it taken away again."""

    def features(part: tuple[Floats, int, int]) -> Floats:
        mel, before, count = part
        return network.features(mel)[before : before + count]

    return features


def _core(network: Network, features: Floats, before: int, count: int) -> Heard:
    return Heard(*(output[before : before + count] for output in network.remember(features)))


def _parts(spectrogram: "Spectrogram", context: int) -> Iterator[tuple[Floats, int, int]]:
    """Parts of the spectrogram with `context` frames around them: mel, frames in front, frames of the part."""
    for start in range(0, spectrogram.frames, PART_FRAMES):
        end = min(start + PART_FRAMES, spectrogram.frames)
        first = max(0, start - context)
        yield spectrogram.read(first, min(end + context, spectrogram.frames)), start - first, end - start


def _windows(parts: Iterable[Floats], frames: int) -> Iterator[tuple[Floats, int, int]]:
    """Features with context around them: features, frames in front, frames of the core; each frame is in one core."""
    held, held_from, stream = np.zeros((0, 0), np.float32), 0, iter(parts)
    for start in range(0, frames, CORE_FRAMES):
        end = min(start + CORE_FRAMES, frames)
        first, last = max(0, start - CONTEXT_FRAMES), min(end + CONTEXT_FRAMES, frames)
        blocks = [held[first - held_from :]] if len(held) else []
        known = held_from + len(held)
        while known < last:
            blocks.append(next(stream))
            known += len(blocks[-1])
        held, held_from = np.concatenate(blocks), first
        yield held[: last - first], start - first, end - start


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Task], Answer], tasks: Iterable[Task], threads: int
) -> Iterator[Answer]:
    """`work` on each task, in order, a bounded number of tasks ahead."""
    waiting: deque[Future[Answer]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) > 2 * threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class Spectrogram(Closing):
    """The log-mel spectrogram of samples that come bit by bit: first push them all, then read. A context manager."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY)  # noqa: SIM115
        self._power = MelPower()
        self._highest = 0.0

    @property
    def samples(self) -> int:
        """How many samples came, at 16 kHz."""
        return self._power.samples

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return frame_count(self.samples)

    def push(self, samples: Floats) -> None:
        """More samples, float32[n] at 16 kHz."""
        self._keep(self._power.push(samples))

    def finish(self) -> None:
        """No more samples come; at least one did."""
        self._keep(self._power.finish())

    def read(self, start: int, end: int) -> Floats:
        """The frames from `start` up to `end` in dB, float32[end - start, 229], the recording scaled to a peak of 1."""
        self._file.seek(start * _ROW_BYTES)
        data = self._file.read((end - start) * _ROW_BYTES)
        power = np.frombuffer(data, "<f4").reshape(-1, MEL_BINS)
        return decibels(power, power_gain(self._power.peak), self._highest)

    def _keep(self, rows: Iterator[Floats]) -> None:
        for block in rows:
            self._highest = max(self._highest, float(block.max()))
            self._file.write(block.astype("<f4", copy=False).tobytes())

    def close(self) -> None:
        """Frees the memory or the temporary file."""
        self._file.close()
