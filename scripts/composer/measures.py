"""What can be said of a piece in numbers: enough to notice that a change of the composer has spoiled one."""

from dataclasses import dataclass

import numpy as np

from aeolian.music.notes import Notes
from composer.theory import Key


@dataclass(frozen=True)
class Measures:
    """Of notes as they ring, with the pedal."""

    duration_s: float
    notes_per_s: float
    in_key: float  # the part of the notes whose pitch is in the key
    most_at_once: int
    mean_at_once: float  # over the time in which anything sounds
    velocity_range: int
    longest_silence_s: float
    longest_clash_s: float  # two notes a semitone apart, for how long they ring together


def measure(notes: Notes, key: Key) -> Measures:
    """The measures of at least one note."""
    notes = notes.sorted()
    edges = np.concatenate([notes.onset_s, notes.offset_s])
    change = np.concatenate([np.ones(len(notes)), -np.ones(len(notes))])
    order = np.lexsort((change, edges))
    sounding = np.cumsum(change[order])[:-1]
    spans_s = np.diff(edges[order])
    silent = sounding == 0
    return Measures(
        duration_s=notes.end_s,
        notes_per_s=len(notes) / notes.end_s,
        in_key=float(np.mean([pitch % 12 in key.pitch_classes for pitch in notes.pitch.tolist()])),
        most_at_once=int(sounding.max()),
        mean_at_once=float((sounding * spans_s).sum() / spans_s[~silent].sum()),
        velocity_range=int(notes.velocity.max() - notes.velocity.min()),
        longest_silence_s=float(max(spans_s[silent].max(initial=0.0), notes.onset_s[0])),
        longest_clash_s=max(clashes_s(notes), default=0.0),
    )


def clashes_s(notes: Notes) -> list[float]:
    """For each two notes a semitone apart that ring together: for how long."""
    rows = notes.sorted().rows()
    found = []
    for i, (onset_s, offset_s, pitch, _) in enumerate(rows):
        for other_onset_s, other_offset_s, other_pitch, _ in rows[i + 1 :]:
            if other_onset_s >= offset_s:
                break
            if abs(pitch - other_pitch) == 1:
                found.append(min(offset_s, other_offset_s) - max(onset_s, other_onset_s))
    return found
