"""The notes of a piece, as parallel arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_PITCH, MAX_PITCH = 0, 127
MIN_VELOCITY, MAX_VELOCITY = 1, 127


@dataclass(frozen=True, eq=False)
class Notes:
    """n notes: `onset_s` and `offset_s` in seconds (≥ 0), `pitch` 0–127 (MIDI), `velocity` 1–127, each of shape [n]."""

    onset_s: Floats
    offset_s: Floats
    pitch: Ints
    velocity: Ints

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.onset_s, self.offset_s, self.pitch, self.velocity)}
        if len(shapes) != 1 or self.onset_s.ndim != 1:
            raise ValueError(f"the four arrays of Notes must share one shape [n], not {sorted(shapes)}")

    @staticmethod
    def of(rows: Iterable[tuple[float, float, int, int]]) -> "Notes":
        """Notes from (onset_s, offset_s, pitch, velocity) rows."""
        table = np.array(list(rows), dtype=np.float64).reshape(-1, 4)
        return Notes(table[:, 0], table[:, 1], table[:, 2].astype(np.int64), table[:, 3].astype(np.int64))

    @staticmethod
    def empty() -> "Notes":
        """No notes."""
        return Notes.of([])

    @staticmethod
    def joined(parts: Sequence["Notes"]) -> "Notes":
        """All notes of all parts, part after part."""
        columns = [(part.onset_s, part.offset_s, part.pitch, part.velocity) for part in (*parts, Notes.empty())]
        onset_s, offset_s, pitch, velocity = (np.concatenate(column) for column in zip(*columns, strict=True))
        return Notes(onset_s, offset_s, pitch, velocity)

    def __len__(self) -> int:
        return len(self.onset_s)

    def rows(self) -> list[tuple[float, float, int, int]]:
        """The notes as (onset_s, offset_s, pitch, velocity) tuples, for tests and for reading."""
        columns = (self.onset_s.tolist(), self.offset_s.tolist(), self.pitch.tolist(), self.velocity.tolist())
        return list(zip(*columns, strict=True))

    @property
    def end_s(self) -> float:
        """When the last note ends; 0 without notes."""
        return float(self.offset_s.max()) if len(self) else 0.0

    def take(self, index: "Ints | npt.NDArray[np.bool_]") -> "Notes":
        """The notes that `index` selects, in its order."""
        return Notes(self.onset_s[index], self.offset_s[index], self.pitch[index], self.velocity[index])

    def sorted(self) -> "Notes":
        """By onset, then pitch; notes equal in both keep their order."""
        return self.take(np.lexsort((self.pitch, self.onset_s)))

    def shifted(self, seconds: float) -> "Notes":
        """All notes `seconds` later."""
        return Notes(self.onset_s + seconds, self.offset_s + seconds, self.pitch, self.velocity)
