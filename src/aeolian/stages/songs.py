"""A seed and what goes on from it, made ready to be written: as notes, as remarks, as a page of takes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aeolian.stages.continuing import Take
from aeolian.stages.folders import whole_file

if TYPE_CHECKING:
    from aeolian.formats.midi import Score
    from aeolian.music.codec import Tokens
    from aeolian.music.notes import Notes


def notes_after(notes: "Notes", prime: "Tokens") -> "Notes":
    """The notes that start where the prime ends or later, moved to start at 0."""
    from aeolian.music.codec import length_s

    end_s = length_s(prime)
    return notes.take(notes.onset_s >= end_s - 1e-6).shifted(-end_s)


def faded(notes: "Notes", boundary_s: float, seconds: float) -> "Notes":
    """The notes with those of the first `seconds` after the boundary softer, the first a quarter as loud."""
    if not seconds:
        return notes
    share = np.clip((notes.onset_s - boundary_s) / seconds, 0.0, 1.0) * 0.75 + 0.25
    softer = np.maximum(1, np.rint(notes.velocity * share)).astype(np.int64)
    velocity = np.where(notes.onset_s >= boundary_s - 1e-6, softer, notes.velocity)
    return replace(notes, velocity=velocity)


def remarks_of(score: "Score", is_alone: bool) -> list[str]:
    """What a user should know of how the seed was read, and of what becomes of its instruments."""
    from aeolian.formats.midi import say_drums

    if is_alone:
        return score.remarks
    remarks = [remark for remark in score.remarks if not score.drum_notes or remark != say_drums(score.drum_notes)]
    sounding = [part for part in score.parts if len(part.notes)]
    if len(sounding) > 1 or score.drum_notes:
        drums = f", {score.drum_notes} drum notes among them," if score.drum_notes else ""
        remarks.append(f"its {len(sounding)} parts{drums} are kept as they are; the piano goes on alone")
    return remarks


def write_page(
    target: Path, prime: "Tokens", songs: "Sequence[Notes]", takes: Sequence[Take], *, is_alone: bool
) -> Path:
    """One page that shows and plays every take of a seed, beside them: `<target's stem>-takes.html`."""
    from aeolian.music.codec import length_s
    from aeolian.rendering.takes_page import TakeOnPage, draw_page

    boundary_s = length_s(prime)
    if is_alone:
        songs, boundary_s = [notes_after(notes, prime) for notes in songs], 0.0
    shown = [
        TakeOnPage(f"{target.stem}-{number}{target.suffix}", notes, take.distance)
        for number, (notes, take) in enumerate(zip(songs, takes, strict=True), start=1)
    ]
    page = target.with_name(f"{target.stem}-takes.html")
    with whole_file(page) as partial:
        partial.write_text(draw_page(target.stem, boundary_s, shown), encoding="utf-8")
    return page
