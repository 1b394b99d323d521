"""16-bit PCM as pydub has it."""

import warnings

with warnings.catch_warnings():
    # pydub looks for a system-wide ffmpeg when imported, which we do not use, and warns that there is none.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment


def segment_of(pcm: bytes) -> AudioSegment:
    """Take 16-bit samples for a segment of one channel: its `max` and `rms` are those of all channels together."""
    return AudioSegment(data=pcm, sample_width=2, frame_rate=1, channels=1)
