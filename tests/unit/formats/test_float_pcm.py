"""Floating-point samples that 16 bits cannot hold, counted byte by byte."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.formats.float_pcm import unfit_in
from aeolian.formats.unfit import Unfit

EDGES = [0.0, -0.0, 1.0, -1.0, 0.99999994, 1.0000001, -1.0000001, 1.9999999, 2.0, -2.0, 1e-45, 3e38]
BEYOND_NUMBERS = [float("nan"), float("-nan"), float("inf"), float("-inf")]


@given(st.lists(st.one_of(st.sampled_from(EDGES + BEYOND_NUMBERS), st.floats(width=32))))
def test_they_are_counted_as_numpy_counts_them(samples):
    table = np.array(samples, "<f4")
    beyond = np.abs(table) > 1
    expected = Unfit(int(np.isnan(table).sum()), int(beyond.sum()), bool((np.abs(table) >= 2).any()))
    assert unfit_in(table.tobytes()) == expected


@pytest.mark.parametrize("bits", [0x7F800001, 0x7FC00000, 0x7F80FF00, 0xFFFFFFFF, 0x7F900000])
def test_every_pattern_of_what_is_not_a_number_is_one(bits):
    assert unfit_in(bits.to_bytes(4, "little") * 3) == Unfit(3, 0, False)


def test_remarks_say_how_many_and_what_became_of_them():
    assert Unfit().remarks() == []
    assert (Unfit(1, 0) + Unfit(9, 0)).remarks() == ["not a number: 10 samples, taken for silence"]
    assert Unfit(0, 1, True).remarks() == ["beyond full scale: 1 sample, clipped"]
