"""How well a model in training hears: on held-out takes, as heard in the studio's rooms, with the notes it decodes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes
from aeolian.transcription.mel import HOP_SAMPLES, SAMPLE_RATE_HZ
from aeolian.transcription.training.losses import PARTS
from aeolian.transcription.training.steps import Steps, seeds_of
from aeolian.transcription.training.takes import Take, batch

Probabilities = Mapping[str, npt.NDArray[np.float32]]
# (onset, offset, frame probabilities and velocity, each [frames, 88]; onset and frame threshold) → notes
Decode = Callable[[Probabilities, float, float], Notes]
# (reference, estimated) → name → F1
Scorer = Callable[[Notes, Notes], Mapping[str, float]]
GRID = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True, eq=False)
class Hearing:
    """One take: what the model said of it, and the truth."""

    probabilities: Probabilities
    notes: Notes


@dataclass(frozen=True)
class Thresholds:
    """From which probability on there is an onset, and a sounding note."""

    onset: float = 0.5
    frame: float = 0.5


class Validation:
    """Held-out `takes`, each cut to `frames` frames, `size` at a time."""

    def __init__(
        self, takes: Sequence[Take], *, frames: int, size: int, seed: int, decode: Decode, score: Scorer
    ) -> None:
        self.decode, self.score, self.seed = decode, score, seed
        self._notes = [_within(take.notes(), frames) for take in takes]
        pieces = [take.cut(0, frames) for take in takes]
        # The last batch is filled up, since a batch of another size would be compiled anew.
        filled = pieces + [pieces[0]] * (-len(pieces) % size)
        self._batches = [batch(filled[i : i + size]) for i in range(0, len(filled), size)]

    def __len__(self) -> int:
        return len(self._notes)

    def listen(self, steps: Steps) -> tuple[list[Hearing], dict[str, float]]:
        """What the averaged model says of every take, and the mean losses."""
        hearings: list[Hearing] = []
        losses = np.zeros(len(PARTS))
        for number, part in enumerate(self._batches):
            found = steps.answers(part, seeds_of(self.seed, number))
            losses += found["loss"] / len(self._batches)
            for row in range(len(part.audio)):
                if len(hearings) < len(self._notes):
                    said = {name: found[name][row] for name in ("onset", "offset", "frame", "velocity")}
                    hearings.append(Hearing(said, self._notes[len(hearings)]))
        return hearings, {name: float(loss) for name, loss in zip(PARTS, losses, strict=True)}

    def means(self, hearings: Sequence[Hearing], thresholds: Thresholds) -> dict[str, float]:
        """Mean F1s over the takes."""
        rows = [
            self.score(heard.notes, self.decode(heard.probabilities, thresholds.onset, thresholds.frame))
            for heard in hearings
        ]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def best_thresholds(self, hearings: Sequence[Hearing], weigh: Callable[[Mapping[str, float]], float]) -> Thresholds:
        """The thresholds of the grid with the highest `weigh(means)`: the onset's first, then the frame's."""
        onsets = [Thresholds(onset) for onset in GRID]
        best = max(onsets, key=lambda t: weigh(self.means(hearings, t)))
        frames = [Thresholds(best.onset, frame) for frame in GRID]
        return max(frames, key=lambda t: weigh(self.means(hearings, t)))


def _within(notes: Notes, frames: int) -> Notes:
    end_s = frames * HOP_SAMPLES / SAMPLE_RATE_HZ
    kept = notes.take(notes.onset_s < end_s - 0.05)
    return Notes(kept.onset_s, np.minimum(kept.offset_s, end_s), kept.pitch, kept.velocity)
