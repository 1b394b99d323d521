"""A seed and what goes on from it, as one MIDI file: the seed as it was, the boundary marked, the piano going on.

The seed keeps its parts, drums too, its pedal, its tempos and its time signatures; the last of each holds from then on,
so that the continuation stands in bars of the seed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from aeolian.formats.midi import BOUNDARY_MARK, Part, Score, write_midi
from aeolian.formats.smf import SUSTAIN_CONTROLLER
from aeolian.music.notes import Floats, Ints, Notes
from aeolian.music.pedal import PEDAL_DOWN_FROM

_FEWEST_TICKS_PER_QUARTER = 480  # a seed of fewer would round the continuation
_LARGEST_TICK = 0x0FFFFFFF
_PIANOS = range(8)


def write_song(path: Path, seed: Score, boundary_s: float, whole: Notes) -> None:
    """Writes what of `seed` begins before `boundary_s`, and of `whole`, seed and continuation, what begins later.

    A note of the seed that sounds at the boundary ends where `whole` ends it. A song too long for the seed's ticks is
    written at an even tempo, as `write_midi` does.
    """
    scale = max(1, -(-_FEWEST_TICKS_PER_QUARTER // max(seed.meter.division.ticks_per_quarter, 1)))
    per_quarter = seed.meter.division.ticks_per_quarter * scale
    tempo_map = seed.meter.tempo_map
    end_tick = float(tempo_map.ticks(np.array([max(whole.end_s, boundary_s)]))[0]) * scale
    if not per_quarter or per_quarter > 0x7FFF or end_tick >= _LARGEST_TICK:
        write_midi(path, whole)
        return

    def ticks(seconds: Floats) -> Ints:
        return np.rint(tempo_map.ticks(seconds) * scale).astype(np.int64)

    at = int(ticks(np.array([boundary_s]))[0])
    song = symusic.Score(per_quarter)
    for tick, tempo in seed.meter.tempos:
        if tempo and tick * scale <= at:
            song.tempos.append(symusic.Tempo(tick * scale, mspq=tempo))
    for tick, beats, of in seed.meter.signatures:
        if tick * scale <= at:
            song.time_signatures.append(symusic.TimeSignature(tick * scale, beats, of))
    song.markers.append(symusic.TextMeta(at, BOUNDARY_MARK))
    made = whole.take(whole.onset_s >= boundary_s - 1e-6)
    parts = [part for part in seed.parts if len(part.notes)]
    is_alone = len(parts) == 1 and not parts[0].is_drum and parts[0].program in _PIANOS
    for part in parts:
        track = symusic.Track(name="", program=part.program, is_drum=part.is_drum)
        kept = _until(part, boundary_s, whole)
        track.notes = _as_symusic(Notes.joined([kept, made]) if is_alone else kept, ticks)
        for tick, value in _pedal(part, boundary_s, ticks):
            track.controls.append(symusic.ControlChange(tick, SUSTAIN_CONTROLLER, value))
        song.tracks.append(track)
    if not is_alone:
        track = symusic.Track(name=BOUNDARY_MARK, program=0, is_drum=False)
        track.notes = _as_symusic(made, ticks)
        song.tracks.append(track)
    path.write_bytes(song.dumps_midi())


def _until(part: Part, boundary_s: float, whole: Notes) -> Notes:
    """The part's notes that begin before the boundary; those that sound there end where `whole` has them end."""
    notes = part.notes.take(part.notes.onset_s < boundary_s - 1e-6)
    held = whole.take((whole.onset_s < boundary_s - 1e-6) & (whole.offset_s > boundary_s + 1e-6))
    last = dict(zip(held.pitch.tolist(), held.offset_s.tolist(), strict=True)) if not part.is_drum else {}
    sounds = notes.offset_s > boundary_s
    offset_s = notes.offset_s.copy()
    offset_s[sounds] = [last.get(pitch, boundary_s) for pitch in notes.pitch[sounds].tolist()]
    return Notes(notes.onset_s, offset_s, notes.pitch, notes.velocity)


def _pedal(part: Part, boundary_s: float, ticks: Callable[[Floats], Ints]) -> list[tuple[int, int]]:
    """The pedal's movements before the boundary, and, if it is down there, up."""
    before = part.pedal.time_s < boundary_s
    times, values = part.pedal.time_s[before], part.pedal.value[before]
    if len(values) and values[-1] >= PEDAL_DOWN_FROM:
        times, values = np.append(times, boundary_s), np.append(values, 0)
    return list(zip(ticks(times).tolist(), values.tolist(), strict=True))


def _as_symusic(notes: Notes, ticks: Callable[[Floats], Ints]) -> Any:
    ordered = notes.sorted()
    on, off = ticks(ordered.onset_s), ticks(ordered.offset_s)
    return symusic.Note.from_numpy(
        on.astype(np.int32),
        np.maximum(off - on, 1).astype(np.int32),
        ordered.pitch.astype(np.int8),
        ordered.velocity.astype(np.int8),
    )
