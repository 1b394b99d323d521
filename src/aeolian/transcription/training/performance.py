"""A song's notes played anew: other key, tempo, touch and pedal, so that few songs teach many sounds.

The notes that come out end as they are heard, with the pedal applied: that is what the model is to learn.
"""

from dataclasses import dataclass

import numpy as np

from aeolian.music.notes import MAX_VELOCITY, Floats, Notes
from aeolian.music.pedal import PedalEvents, apply_sustain
from aeolian.transcription.onsets_and_frames.config import LOWEST_PITCH, PITCHES

HIGHEST_PITCH = LOWEST_PITCH + PITCHES - 1
SHORTEST_NOTE_S = 0.03
_DOWN, _UP = 127, 0


@dataclass(frozen=True)
class Play:
    """How much a performance may differ from the song. Shares are probabilities, spans are of uniform draws."""

    semitones: int = 6
    octave_share: float = 0.1
    slowest: float = 0.7
    fastest: float = 1.4
    largest_spread_s: float = 0.015
    quietest_mean: float = 35.0
    loudest_mean: float = 95.0
    velocity_noise: float = 12.0
    shortest_touch: float = 0.35
    keep_pedal_share: float = 0.7
    add_pedal_share: float = 0.4
    double_octave_share: float = 0.08


def excerpt(notes: Notes, pedal: PedalEvents, start_s: float, duration_s: float) -> tuple[Notes, PedalEvents]:
    """What begins in [start_s, start_s + duration_s), with times from its beginning; a pedal that is down stays so."""
    inside = (notes.onset_s >= start_s) & (notes.onset_s < start_s + duration_s)
    during = (pedal.time_s >= start_s) & (pedal.time_s < start_s + duration_s)
    before = np.flatnonzero(pedal.time_s < start_s)
    times_s, values = pedal.time_s[during] - start_s, pedal.value[during]
    if len(before):
        times_s, values = np.append(0.0, times_s), np.append(pedal.value[before[-1]], values)
    return notes.take(inside).shifted(-start_s), PedalEvents(times_s, values)


def perform(notes: Notes, pedal: PedalEvents, rng: np.random.Generator, play: Play | None = None) -> Notes:
    """The song `notes` (as struck) played in some other way: sorted, ends as heard, no pitch twice at once."""
    return ringing(*pressed(notes, pedal, rng, play))


def pressed(
    notes: Notes, pedal: PedalEvents, rng: np.random.Generator, play: Play | None = None
) -> tuple[Notes, PedalEvents]:
    """The same, as keys and pedal are moved."""
    play = play or Play()
    if not len(notes):
        return notes, pedal
    notes, pedal = _stretched(notes, pedal, float(np.exp(rng.uniform(np.log(play.slowest), np.log(play.fastest)))))
    notes = _transposed(notes, rng, play)
    notes = _doubled(notes, rng) if rng.random() < play.double_octave_share else notes
    notes = _touched(notes, rng, play)
    return notes.sorted(), _pedalled(notes, pedal, rng, play)


def ringing(notes: Notes, pedal: PedalEvents) -> Notes:
    """Notes as the pedal lets them ring, `separated`."""
    return separated(apply_sustain([(notes, pedal)])[0])


def separated(notes: Notes) -> Notes:
    """`notes` on the piano's keys, sorted, each ended where its key is struck again, none shorter than 30 ms."""
    on_keys = (notes.pitch >= LOWEST_PITCH) & (notes.pitch <= HIGHEST_PITCH)
    notes = notes.take(on_keys)
    order = np.lexsort((notes.onset_s, notes.pitch))
    notes = notes.take(order)
    same = np.diff(notes.pitch, append=-1) == 0
    following_s = np.where(same, np.append(notes.onset_s[1:], np.inf), np.inf)
    # A key struck twice within the shortest note is struck once.
    keep = following_s - notes.onset_s >= SHORTEST_NOTE_S
    offset_s = np.minimum(np.maximum(notes.offset_s, notes.onset_s + SHORTEST_NOTE_S), following_s)
    return Notes(notes.onset_s, offset_s, notes.pitch, notes.velocity).take(keep).sorted()


@dataclass(frozen=True)
class Action:
    """How late a piano sounds: action, dampers and the way to a microphone take time that MIDI knows nothing of.

    Of each instrument, drawn once: how long after its MIDI a hard blow sounds, how much longer a soft one takes, and
    how long after a release the damper works. Such delays are the subject of W. Goebl and R. Bresin, "Measurement and
    reproduction accuracy of computer-controlled grand pianos" (JASA 2003); the spans here are our own guesses.
    """

    latest_s: float = 0.02
    softest_s: float = 0.02
    longest_release_s: float = 0.12
    jitter_s: float = 0.005


def sounded(notes: Notes, rng: np.random.Generator, action: Action | None = None) -> Notes:
    """When the notes sound on some piano whose keys move as `notes` say (`separated`); no pitch twice at once."""
    action = action or Action()
    late_s, soft_s = rng.uniform(0, action.latest_s), rng.uniform(0, action.softest_s)
    release_s = rng.uniform(0, action.longest_release_s)
    jitter_s = np.abs(rng.normal(0, action.jitter_s, (2, len(notes))))
    onset_s = notes.onset_s + late_s + soft_s * (1 - notes.velocity / MAX_VELOCITY) + jitter_s[0]
    offset_s = notes.offset_s + release_s + jitter_s[1]
    return separated(Notes(onset_s, offset_s, notes.pitch, notes.velocity))


def _stretched(notes: Notes, pedal: PedalEvents, factor: float) -> tuple[Notes, PedalEvents]:
    stretched = Notes(notes.onset_s * factor, notes.offset_s * factor, notes.pitch, notes.velocity)
    return stretched, PedalEvents(pedal.time_s * factor, pedal.value)


def _transposed(notes: Notes, rng: np.random.Generator, play: Play) -> Notes:
    shift = int(rng.integers(-play.semitones, play.semitones + 1))
    if rng.random() < play.octave_share:
        shift += 12 * int(rng.choice([-1, 1]))
    return Notes(notes.onset_s, notes.offset_s, notes.pitch + shift, notes.velocity)


def _doubled(notes: Notes, rng: np.random.Generator) -> Notes:
    """Some notes in octaves: thicker than the song."""
    chosen = notes.take(rng.random(len(notes)) < 0.3)
    octave = Notes(chosen.onset_s, chosen.offset_s, chosen.pitch + 12 * int(rng.choice([-1, 1])), chosen.velocity)
    return Notes.joined([notes, octave])


def _touched(notes: Notes, rng: np.random.Generator, play: Play) -> Notes:
    """Onsets that are not quite together, loudness that waves, notes held shorter or as written."""
    spread_s = rng.uniform(0, play.largest_spread_s)
    onset_s = np.maximum(0.0, notes.onset_s + rng.normal(0, spread_s, len(notes)))
    touch = rng.uniform(play.shortest_touch, 1.05) if rng.random() < 0.5 else 1.0
    offset_s = onset_s + np.maximum(SHORTEST_NOTE_S, (notes.offset_s - notes.onset_s) * touch)
    contrast = rng.uniform(0.5, 1.5)
    wave = rng.uniform(0, 15) * np.sin(2 * np.pi * (onset_s / rng.uniform(4, 20) + rng.random()))
    bass = rng.uniform(-0.25, 0.35) * (notes.pitch - 60)
    noise = rng.normal(0, rng.uniform(0, play.velocity_noise), len(notes))
    level = rng.uniform(play.quietest_mean, play.loudest_mean)
    velocity = level + contrast * (notes.velocity - notes.velocity.mean()) + wave + bass + noise
    return Notes(onset_s, offset_s, notes.pitch, np.clip(np.rint(velocity), 5, 127).astype(np.int64))


def _pedalled(notes: Notes, pedal: PedalEvents, rng: np.random.Generator, play: Play) -> PedalEvents:
    if len(pedal.time_s) and rng.random() < play.keep_pedal_share:
        return pedal
    if rng.random() < play.add_pedal_share:
        return foot(notes.onset_s, rng)
    return PedalEvents(np.zeros(0), np.zeros(0, np.int64))


def foot(onset_s: Floats, rng: np.random.Generator) -> PedalEvents:
    """A pedal as feet move it: up and down again every so many seconds, near an onset; in some phrases never."""
    every_s = float(np.exp(rng.uniform(np.log(0.3), np.log(2.2))))
    idle_share, dry_share = rng.uniform(0, 0.5), rng.uniform(0, 0.6)
    onsets = np.unique(onset_s)
    times: list[float] = []
    values: list[int] = []
    at_s, phrase_ends_s, is_dry = float(onsets[0]), 0.0, False
    while at_s < onsets[-1]:
        if at_s >= phrase_ends_s:
            is_dry, phrase_ends_s = bool(rng.random() < dry_share), at_s + rng.uniform(5, 15)
        change_s = float(onsets[np.searchsorted(onsets, at_s)])
        down_s = change_s + rng.uniform(-0.05, 0.15)
        up_s = change_s + every_s * rng.uniform(0.7, 1.0) if rng.random() < idle_share else change_s + every_s
        if not is_dry and up_s > down_s + 0.05:
            times += [down_s, up_s]
            values += [_DOWN, _UP]
        at_s = max(change_s + every_s, at_s + 0.1)
    return PedalEvents(np.maximum(0.0, np.array(times)), np.array(values, np.int64))
