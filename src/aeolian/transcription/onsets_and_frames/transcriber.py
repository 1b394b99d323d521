"""The `Transcriber` around an Onsets and Frames model folder. No Keras, no TensorFlow."""

import hashlib
from pathlib import Path

from aeolian.music.notes import Notes
from aeolian.transcription.mel import SAMPLE_RATE_HZ
from aeolian.transcription.onsets_and_frames.decoding import Thresholds, decode, thresholds_of
from aeolian.transcription.onsets_and_frames.inference import listen
from aeolian.transcription.onsets_and_frames.network import Network
from aeolian.transcription.onsets_and_frames.weights import WEIGHTS_NAME, read_model
from aeolian.transcription.threads import available_threads
from aeolian.transcription.transcriber import Recording, Report, silent

# Each thread holds activations of some ten megabytes; beyond a few, reading the sound is the limit anyway.
_MAX_THREADS = 8


class OnsetsFrames:
    """Piano notes. Notes end when the string is damped, by the finger or the pedal, whichever comes last.

    `folder`: what `weights.write_model` wrote. Raises `UsageError` if it holds no such model.
    """

    name = "onsets-frames"
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, folder: Path, thresholds: Thresholds | None = None, *, threads: int | None = None) -> None:
        config, weights = read_model(folder)
        self.config = config
        self.thresholds = thresholds or thresholds_of(config)
        self._network = Network(config, weights)
        self._threads = min(threads or available_threads(), _MAX_THREADS)
        digest = hashlib.sha256((folder / WEIGHTS_NAME).read_bytes()).hexdigest()
        self.version = f"{WEIGHTS_NAME} sha256 {digest[:12]}"

    def transcribe(self, recording: Recording, report: Report = silent) -> Notes:
        """The notes in `recording`, sorted by onset, pitches 21 to 108.

        Raises `InputError` for a recording without samples.
        """
        blocks = listen(recording, self._network, threads=self._threads, report=report)
        return decode(blocks, self.config, self.thresholds)
