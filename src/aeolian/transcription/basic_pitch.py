"""Basic Pitch: notes of any instrument, by the weights in the wheel of the package `basic-pitch`.

R. Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and Multipitch
Estimation", ICASSP 2022; weights by Spotify, Apache-2.0. Only `nmp.onnx` is read: the package's code, and the
TensorFlow it wants, are never imported. The notes are those that its own `predict` gives, but for the end: it counts 86
frames a second where there are 86.58, and so drops the last 0.67 % of every recording. We keep them.
"""

import hashlib
import importlib.metadata
import importlib.util
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from aeolian.errors import AeolianError, InputError
from aeolian.music.notes import Notes
from aeolian.transcription.note_decoding import FrameNotes, Posteriorgram, Thresholds
from aeolian.transcription.posteriors import Posteriors, decode_all
from aeolian.transcription.resampling import mono_blocks
from aeolian.transcription.threads import available_threads
from aeolian.transcription.transcriber import Recording, Report, silent
from aeolian.transcription.wide_convolutions import channels_at_a_time, widened

SAMPLE_RATE_HZ = 22_050
HOP_SAMPLES = 256
# What the model hears at once: two seconds, less one hop; and the frames it makes of them.
WINDOW_SAMPLES = 2 * SAMPLE_RATE_HZ - HOP_SAMPLES
WINDOW_FRAMES = 172
# Windows overlap by this many frames; of each overlap, the earlier window gives one half and the later the other.
OVERLAP_FRAMES = 30
STRIDE_SAMPLES = WINDOW_SAMPLES - OVERLAP_FRAMES * HOP_SAMPLES
# So each window adds this many frames, which stand for a little less than as many hops.
STRIDE_FRAMES = WINDOW_FRAMES - OVERLAP_FRAMES
# By how much WINDOW_FRAMES frames are then late, 10.3274 ms. The package has 10.3261, of which it found 1.8 by ear and
# eye: the same for a song, but 29 ms too late after ten hours.
_LAG_S = (STRIDE_FRAMES * HOP_SAMPLES - STRIDE_SAMPLES) / SAMPLE_RATE_HZ * WINDOW_FRAMES / STRIDE_FRAMES

_INPUT = "serving_default_input_2:0"
_SOUNDING, _ONSET = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"
_WINDOWS_A_RUN = 2

Windows = NDArray[np.float32]


class BasicPitch:
    """The `Transcriber` around Basic Pitch's model. Every core works on windows of its own."""

    name = "basic-pitch"
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, thresholds: Thresholds | None = None, *, threads: int | None = None) -> None:
        weights = weights_path().read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        network = widened(weights, frames=WINDOW_FRAMES, block=channels_at_a_time())
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._threads = threads or available_threads()
        self.thresholds = thresholds or Thresholds()
        package = importlib.metadata.version("basic-pitch")
        self.version = f"{package} (nmp.onnx sha256 {hashlib.sha256(weights).hexdigest()[:12]})"

    def transcribe(self, recording: Recording, report: Report = silent) -> Notes:
        """The notes in `recording`, sorted by onset; ends as the model hears them, pitches 21 to 108.

        Raises `InputError` for a recording without samples.
        """
        with Posteriors() as posteriors:
            self.listen(recording, posteriors, report)
            return timed(decode_all(posteriors, self.thresholds))

    def listen(self, recording: Recording, posteriors: Posteriors, report: Report = silent) -> None:
        """Appends the posteriorgrams of the whole recording to `posteriors`."""
        expected_s = max(1, round(recording.frames / recording.sample_rate_hz))
        windows = _Windows(mono_blocks(recording, SAMPLE_RATE_HZ))
        half = OVERLAP_FRAMES // 2
        pending: list[Posteriorgram] = []
        for sounding, onset in self._run(windows):
            pending = [part[:, half:-half].reshape(-1, part.shape[2]) for part in (sounding, onset)]
            # The last window is trimmed to the recording: its length is known when the windows are all made.
            room = frame_count(windows.samples) - posteriors.frames
            posteriors.append(pending[0][:room], pending[1][:room])
            done_s = round(posteriors.frames * HOP_SAMPLES / SAMPLE_RATE_HZ)
            report(min(done_s, expected_s - 1), expected_s)
        if not windows.samples:
            raise InputError("holds no samples")
        report(expected_s, expected_s)

    def _run(self, windows: "_Windows") -> Iterator[tuple[Posteriorgram, Posteriorgram]]:
        """The model's answers in order, float32[windows, 172, 88] each, a bounded number of runs ahead."""
        waiting: deque[Future[list[Posteriorgram]]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="basic-pitch") as pool:
            for batch in windows.batches(_WINDOWS_A_RUN):
                waiting.append(pool.submit(self._session.run, [_SOUNDING, _ONSET], {_INPUT: batch}))
                if len(waiting) > 2 * self._threads:
                    yield _pair(waiting.popleft())
            while waiting:
                yield _pair(waiting.popleft())


class _Windows:
    """Cuts a stream of samples into the model's windows, and counts the samples."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        self._blocks = blocks
        self.samples = 0

    def batches(self, size: int) -> Iterator[Windows]:
        """float32[≤ size, WINDOW_SAMPLES, 1] at a time: half an overlap of silence in front, zeros at the end."""
        held = np.zeros(OVERLAP_FRAMES // 2 * HOP_SAMPLES, np.float32)
        span = WINDOW_SAMPLES + (size - 1) * STRIDE_SAMPLES
        for block in self._blocks:
            self.samples += len(block)
            held = np.concatenate([held, block])
            while len(held) >= span:
                yield _cut(held, size)
                held = held[size * STRIDE_SAMPLES :]
        while self.samples and len(held):
            count = min(size, -(-len(held) // STRIDE_SAMPLES))
            short = WINDOW_SAMPLES + (count - 1) * STRIDE_SAMPLES - len(held)
            yield _cut(np.pad(held, (0, max(0, short))), count)
            held = held[count * STRIDE_SAMPLES :]


def _cut(samples: NDArray[np.float32], count: int) -> Windows:
    view = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::STRIDE_SAMPLES][:count]
    return np.ascontiguousarray(view)[:, :, np.newaxis]


def _pair(answer: "Future[list[Posteriorgram]]") -> tuple[Posteriorgram, Posteriorgram]:
    sounding, onset = answer.result()
    return sounding, onset


def frame_count(samples: int) -> int:
    """Count the frames that a recording of so many samples at SAMPLE_RATE_HZ has: the last may be begun only."""
    windows, rest = divmod(samples, STRIDE_SAMPLES)
    return windows * STRIDE_FRAMES + min(STRIDE_FRAMES, -(-rest // HOP_SAMPLES))


def frame_times_s(frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """When frames are, in seconds, with the package's correction at each 172 frames: a step of `_LAG_S`."""
    return frames * (HOP_SAMPLES / SAMPLE_RATE_HZ) - _LAG_S * (frames // WINDOW_FRAMES)


def timed(found: FrameNotes) -> Notes:
    """Notes in seconds; velocity = round(127 · amplitude), at least 1."""
    velocity = np.clip(np.rint(127 * found.amplitude.astype(np.float64)), 1, 127).astype(np.int64)
    onset_s, offset_s = frame_times_s(found.start), frame_times_s(found.end)
    return Notes(onset_s, offset_s, found.pitch, velocity).sorted()


def weights_path() -> Path:
    """Where the package `basic-pitch` keeps its ONNX weights. Raises `AeolianError` where it is not installed."""
    spec = importlib.util.find_spec("basic_pitch")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "saved_models", "icassp_2022", "nmp.onnx")
        if path.is_file():
            return path
    raise AeolianError(
        "The weights of Basic Pitch are not installed.",
        remedy="Install the package basic-pitch 0.4.0 (no dependencies).",
    )
