"""Samples that no sound has: what is not a number, and what is beyond full scale."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unfit:
    """How many samples are not a number, and how many are beyond full scale, infinite ones among them.

    `far`: whether any is at twice full scale or beyond it.
    """

    not_a_number: int = 0
    beyond: int = 0
    far: bool = False

    def __add__(self, other: "Unfit") -> "Unfit":
        return Unfit(self.not_a_number + other.not_a_number, self.beyond + other.beyond, self.far or other.far)

    @property
    def harmful(self) -> bool:
        """Whether ffmpeg's own conversion to 16 bits would make nonsense of some."""
        return self.far or self.not_a_number > 0

    def remarks(self) -> list[str]:
        """Say what became of them, for a report."""
        found = []
        if self.not_a_number:
            found.append(f"not a number: {_samples(self.not_a_number)}, taken for silence")
        if self.beyond:
            found.append(f"beyond full scale: {_samples(self.beyond)}, clipped")
        return found


def _samples(count: int) -> str:
    return f"{count} sample" if count == 1 else f"{count} samples"
