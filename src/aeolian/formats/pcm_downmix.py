"""16-bit PCM with fewer channels than the recording has, where these may cancel each other; without NumPy.

ffmpeg mixes, and gives the recording's own channels beside the mix (`decoding.Wanted.beside`). Of each second in which
the mix has lost nearly all of the sound, the loudest channel is kept in its place. `transcription.downmix` does the
same for what a model hears, and sees single frequencies as well.
"""

from array import array

from aeolian.formats.decoding import Decoding
from aeolian.formats.segments import segment_of

MIXED = 2
# Of n channels, the mix keeps at least 1/n² of the energy of what is in one of them alone, or nearly; it has lost a
# sound if it keeps less than this share of that. Where one channel is kept, until it would keep twice as much.
LOST = 0.4
PIECE_S = 1.0
FADE_S = 0.005
_SILENT_RMS = 4


def downmix_of(decoding: Decoding, channels: int, deep: int | None) -> "PcmDownmix":
    """Make the downmix to `channels` for what a decoding gives `beside` its mix."""
    return PcmDownmix(decoding.sample_rate_hz, decoding.channels - MIXED, channels, deep)


class PcmDownmix:
    """Keeps `channels` of blocks that hold a mix of two channels and then the recording's `own`, frame by frame.

    `deep`: the channel of deep effects, which no mix has and which is never kept alone; None if there is none.
    `alone_s`: for how long one channel was kept alone.
    """

    def __init__(self, sample_rate_hz: int, own: int, channels: int, deep: int | None = None) -> None:
        self.channels = channels
        self._rate_hz, self._own, self._deep = sample_rate_hz, own, deep
        self._alone: int | None = None
        self._alone_frames = 0
        self._begun = False

    @property
    def alone_s(self) -> float:
        """For how many seconds one channel was kept alone."""
        return self._alone_frames / self._rate_hz

    def remarks(self) -> list[str]:
        """Say for how long one channel was kept alone, if it was."""
        if not self._alone_frames:
            return []
        return [f"the channels cancel each other: for {self.alone_s:.1f} s the louder one was kept alone"]

    def mix(self, block: bytes) -> bytes:
        """Whole frames of MIXED + own samples to whole frames of `channels` samples."""
        samples = array("h", block)
        stride = MIXED + self._own
        length = stride * max(1, round(PIECE_S * self._rate_hz))
        return b"".join(self._mixed(samples[at : at + length]) for at in range(0, len(samples), length))

    def _mixed(self, piece: "array[int]") -> bytes:
        tracks = [piece[track :: MIXED + self._own] for track in range(MIXED + self._own)]
        before, self._alone = self._alone, self._kept_alone(tracks)
        out = array("h", bytes(2 * self.channels * len(tracks[0])))
        for channel in range(self.channels):
            now = tracks[channel if self._alone is None else MIXED + self._alone]
            was = tracks[channel if before is None else MIXED + before]
            if before != self._alone and self._begun:
                fade = min(len(now), max(1, round(FADE_S * self._rate_hz)))
                for i in range(fade):
                    now[i] = was[i] + (now[i] - was[i]) * i // fade
            out[channel :: self.channels] = now
        self._alone_frames += len(tracks[0]) if self._alone is not None else 0
        self._begun = True
        return out.tobytes()

    def _kept_alone(self, tracks: "list[array[int]]") -> int | None:
        rms = [int(segment_of(track.tobytes()).rms) for track in tracks]
        own = [0 if channel == self._deep else level for channel, level in enumerate(rms[MIXED:])]
        loudest = max(own)
        if loudest < _SILENT_RMS:
            return self._alone
        share = (LOST if self._alone is None else 2 * LOST) / self._own**2
        if max(rms[:MIXED]) ** 2 >= share * loudest**2:
            return None
        return own.index(loudest)
