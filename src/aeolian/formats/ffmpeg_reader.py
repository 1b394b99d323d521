"""What ffmpeg decodes, as blocks of float32 with the channels of the recording."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aeolian.errors import InputError
from aeolian.formats.audio_probe import measure_s, probe
from aeolian.formats.closing import Closing
from aeolian.formats.decoding import Wanted, decode


class FfmpegReader(Closing):
    """Reads any recording once, from its beginning, in constant memory. A context manager.

    Raises `InputError` for what ffmpeg cannot decode.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with ExitStack() as stack:
            self._decoding = stack.enter_context(decode(path, Wanted(samples="f32", at_most_stereo=False)))
            found = probe(path)
            self._opened = stack.pop_all()
        self.floats, self.declared_s = found.floats, found.declared_s
        self._guess_s = found.duration_s or 0.0
        self.sample_rate_hz, self.channels = self._decoding.sample_rate_hz, self._decoding.channels

    @cached_property
    def frames(self) -> int:
        """How many samples each channel has, by the packets of the file; none of them is decoded."""
        try:
            duration_s = measure_s(self._path)
        except InputError:
            duration_s = self._guess_s  # Progress may go by a guess; the sound itself is another matter.
        return round(duration_s * self.sample_rate_hz)

    @property
    def remarks(self) -> list[str]:
        """What the decoder disliked so far."""
        return [f"decoder: {complaint}" for complaint in self._decoding.complaints]

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, float32[≤ frames, channels] at a time. Raises `InputError` if there is not one."""
        for block in self._decoding.blocks(frames / self.sample_rate_hz):
            yield np.frombuffer(block, "<f4").reshape(-1, self.channels)

    def close(self) -> None:
        """Ends the decoder."""
        self._opened.close()
