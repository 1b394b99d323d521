"""What the model is to say of each frame and key, from the notes.

Frame i stands for the time i / 31.25 s (`mel`). A note begins in the frame or the two frames within 24 ms of its
onset, so that one that falls between two frames is in both; Magenta takes the 32 ms after it, which, on this grid, are
two frames too, but late by half a frame on average. It ends in the frames within 24 ms of its offset.
"""

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes
from aeolian.transcription.mel import FRAMES_PER_S
from aeolian.transcription.onsets_and_frames.config import LOWEST_PITCH, PITCHES

Bytes = npt.NDArray[np.uint8]

REACH_FRAMES = 0.75
# The onset's frames count this much in the frames' loss, and those after it this much over their number since:
# "Onsets and Frames" (2018), section 3.3, c = 5; here never less than 1, so that ends are learnt too.
ONSET_WEIGHT = 5
# How `rolls` packs what it says of a frame and a key into a byte; the weight is in the bits from WEIGHT on.
ONSET, OFFSET, FRAME, WEIGHT = 1, 2, 4, 8


def rolls(notes: Notes, frames: int) -> Bytes:
    """uint8[frames, 88, 2]: bits ONSET, OFFSET and FRAME with WEIGHT times 1–5; velocity 1–127 at onsets, else 0."""
    table = np.zeros((frames, PITCHES, 2), np.uint8)
    weight = np.ones((frames, PITCHES), np.uint8)
    flags, velocity = table[..., 0], table[..., 1]
    begin, end = notes.onset_s * FRAMES_PER_S, notes.offset_s * FRAMES_PER_S
    first, last = _near(begin)
    close, closed = _near(end)
    sound_end = np.maximum(np.rint(end).astype(np.int64), first + 1)
    for i in np.argsort(begin, kind="stable").tolist():
        key = int(notes.pitch[i]) - LOWEST_PITCH
        since = np.arange(first[i], min(sound_end[i], frames)) - last[i]
        weight[first[i] : sound_end[i], key] = np.clip(ONSET_WEIGHT / np.maximum(since, 1), 1, ONSET_WEIGHT)
        flags[first[i] : sound_end[i], key] |= FRAME
        flags[first[i] : last[i] + 1, key] |= ONSET
        velocity[first[i] : last[i] + 1, key] = notes.velocity[i]
        flags[close[i] : closed[i] + 1, key] |= OFFSET
    flags += weight * WEIGHT
    return table


def _near(position: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first and the last frame within REACH_FRAMES of each position."""
    first, last = np.ceil(position - REACH_FRAMES), np.floor(position + REACH_FRAMES)
    return np.maximum(first, 0).astype(np.int64), last.astype(np.int64)
