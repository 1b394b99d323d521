"""The `Transcriber` around an Onsets and Frames model folder. No Keras, no TensorFlow."""

from pathlib import Path

import numpy as np

from aeolian.music.notes import Notes
from aeolian.transcription.mel import SAMPLE_RATE_HZ
from aeolian.transcription.onsets_and_frames.decoding import Thresholds, decode, thresholds_of
from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.onsets_and_frames.inference import listen
from aeolian.transcription.onsets_and_frames.loading import load_model
from aeolian.transcription.onsets_and_frames.network import Network
from aeolian.transcription.threads import available_threads
from aeolian.transcription.transcriber import Recording, Report, silent

# Each thread holds activations of some ten megabytes; beyond a few, reading the sound is the limit anyway.
_MAX_THREADS = 8


class OnsetsFrames:
    """Piano notes. Notes end when the string is damped, by the finger or the pedal, whichever comes last.

    `folder`: what `weights.write_model` wrote, or Magenta's checkpoint. Raises `UsageError` if it holds neither.
    """

    name = "onsets-frames"
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, folder: Path, thresholds: Thresholds | None = None, *, threads: int | None = None) -> None:
        self.config, weights, self.version = load_model(folder)
        self.thresholds = thresholds or thresholds_of(self.config)
        self._network = Network(self.config, weights)
        self._threads = min(threads or available_threads(), _MAX_THREADS)

    def transcribe(self, recording: Recording, report: Report = silent) -> Notes:
        """The notes in `recording`, sorted by onset, pitches 21 to 108.

        Raises `InputError` for a recording without samples.
        """
        blocks = listen(recording, self._network, threads=self._threads, report=report)
        return decode(blocks, self.config, self.thresholds)

    def hear(self, recording: Recording) -> Heard:
        """What the network says of a short recording, all at once. Raises `InputError` for one without samples."""
        blocks = list(listen(recording, self._network, threads=self._threads))
        return Heard(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
