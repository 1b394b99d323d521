"""How far two sets of pieces overlap in one statistic, after Yang and Lerch 2020.

"On the evaluation of generative models in music" compares two distributions of distances: those within the corpus
(every song with every other), and those between the generated pieces and the corpus. Each is smoothed with a Gaussian
kernel; the area under both curves is 1 where the pieces lie among the songs as the songs lie among themselves, and the
Kullback-Leibler divergence is then 0. Unlike there, distances are of scalar statistics only.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAX_VALUES = 400  # of each set: distances grow with their square
_GRID = 1000


def overlap(generated: npt.ArrayLike, corpus: npt.ArrayLike) -> tuple[float, float]:
    """(overlapped area 0…1, Kullback-Leibler divergence in nats) of a statistic's values, [n] and [m].

    NaNs are left out; with fewer than two values in the corpus, or none generated, both results are NaN.
    """
    ours, theirs = (_some(np.asarray(values, np.float64)) for values in (generated, corpus))
    if len(theirs) < 2 or not len(ours):
        return float("nan"), float("nan")
    first, second = np.triu_indices(len(theirs), k=1)
    within = np.abs(theirs[first] - theirs[second])
    between = np.abs(ours[:, None] - theirs[None]).ravel()
    smallest = max(1e-9, 1e-3 * float(max(within.max(), between.max())))
    widths = [max(_scott(distances), smallest) for distances in (within, between)]
    grid = np.linspace(-4 * max(widths), max(within.max(), between.max()) + 4 * max(widths), _GRID)
    p, q = (_density(distances, grid, width) for distances, width in zip((within, between), widths, strict=True))
    step = grid[1] - grid[0]
    area = float(np.minimum(p, q).sum() * step)
    tiny = 1e-12
    divergence = float((p * np.log((p + tiny) / (q + tiny))).sum() * step)
    return min(area, 1.0), max(divergence, 0.0)


def _some(values: Floats) -> Floats:
    """The values that are numbers; of many, evenly chosen ones of the sorted."""
    finite: Floats = np.sort(values[np.isfinite(values)])
    if len(finite) <= MAX_VALUES:
        return finite
    return finite[np.linspace(0, len(finite) - 1, MAX_VALUES).round().astype(np.int64)]


def _scott(values: Floats) -> float:
    """Scott's bandwidth, as scipy.stats.gaussian_kde has it."""
    return float(values.std(ddof=1) * len(values) ** -0.2) if len(values) > 1 else 0.0


def _density(values: Floats, grid: Floats, width: float) -> Floats:
    """The values smoothed with a Gaussian of this width, at equally spaced `grid` [k]; its sum times the step is 1.

    The values are counted in the grid's cells first, so that many cost no more than few.
    """
    step = grid[1] - grid[0]
    cells = np.clip(np.rint((values - grid[0]) / step).astype(np.int64), 0, len(grid) - 1)
    counts = np.bincount(cells, minlength=len(grid)).astype(np.float64)
    distances = np.arange(-len(grid) + 1, len(grid)) * step
    kernel = np.exp(-0.5 * (distances / max(width, step / 2)) ** 2)
    smoothed = np.convolve(counts, kernel, "valid")
    density: Floats = smoothed / (smoothed.sum() * step)
    return density
