"""Whether Onsets and Frames, which was taught the piano, suits a recording, judged by a few excerpts.

The rule: of the moments at which the model thinks that a note may well begin, it is sure of a good share when it hears
a piano, or what is struck or plucked much like one, and of few when it hears what it does not know.
docs/transcription.md has the measurements behind the numbers.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.transcriber import ArrayRecording, Recording

EXCERPTS = 6
EXCERPT_S = 10.0
# A moment counts from this probability of an onset, and is sure from that one.
MAYBE, SURE = 0.2, 0.8
SURE_SHARE = 0.25
FEWEST_MOMENTS = 5
_BLOCK_FRAMES = 1 << 16


class Verdict(NamedTuple):
    """Whether the model `suits`, and why: how many moments there are, and the share that is sure."""

    suits: bool
    moments: int
    sure_share: float


def excerpts(recording: Recording) -> Iterator[ArrayRecording]:
    """EXCERPTS stretches of EXCERPT_S, evenly spread; of a recording that is no longer than all of them, everything."""
    length = round(EXCERPT_S * recording.sample_rate_hz)
    spare = recording.frames - EXCERPTS * length
    if spare <= 0:
        starts, length = [0], max(1, recording.frames)
    else:
        starts = [n * length + spare * (2 * n + 1) // (2 * EXCERPTS) for n in range(EXCERPTS)]
    held: list[NDArray[np.float32]] = []
    at = 0
    for block in recording.blocks(_BLOCK_FRAMES):
        while starts:
            first, last = max(0, starts[0] - at), starts[0] + length - at
            if first < len(block):
                held.append(block[first:last].copy())
            if last > len(block):
                break
            yield ArrayRecording(np.concatenate(held), recording.sample_rate_hz)
            held.clear()
            starts.pop(0)
        if not starts:
            return
        at += len(block)
    if held:
        yield ArrayRecording(np.concatenate(held), recording.sample_rate_hz)


def judge(heard: list[Heard]) -> Verdict:
    """The verdict on what the model heard in the excerpts."""
    moments = sure = 0
    for excerpt in heard:
        onset = np.pad(excerpt.onset, ((1, 1), (0, 0)))
        peak = (onset[1:-1] >= MAYBE) & (onset[1:-1] > onset[:-2]) & (onset[1:-1] >= onset[2:])
        moments += int(peak.sum())
        sure += int((peak & (onset[1:-1] >= SURE)).sum())
    share = sure / moments if moments else 0.0
    return Verdict(moments >= FEWEST_MOMENTS and share >= SURE_SHARE, moments, share)
