"""How many cores a transcriber may use."""

import os

_MAX_THREADS = 16


def available_threads() -> int:
    """Cores to use: OMP_NUM_THREADS if set, else those this process may run on; 16 at most."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if told.isdigit() and int(told):
        return min(int(told), _MAX_THREADS)
    return min(len(os.sched_getaffinity(0)), _MAX_THREADS)
