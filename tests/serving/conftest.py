"""Servers in processes of their own, on ports that were free, for as long as a module's tests need them."""

import pytest
from servers import LIGHT, REAL, Server


@pytest.fixture(scope="module")
def light():
    """Models of a few lines that echo, wait, fail and die: what the transport is tested with."""
    with Server(LIGHT) as server:
        yield server


@pytest.fixture(scope="module")
def real():
    """`aeolian serve`."""
    with Server(REAL) as server:
        yield server
