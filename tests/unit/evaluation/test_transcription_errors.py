"""Means over pieces, and errors told apart: worked by hand."""

import pytest

from aeolian.evaluation.transcription import Share, errors, means, piece
from aeolian.music.notes import Notes

TRUTH = Notes.of([(0.0, 0.5, 40, 30), (1.0, 1.05, 60, 70), (1.0, 2.5, 64, 90), (3.0, 3.2, 90, 50)])
# The first is missed; 60 and 64 are found, 64 with a late end; then an octave of 64, 90 twice, its neighbour, noise.
FOUND = Notes.of(
    [
        *[(1.01, 1.06, 60, 70), (1.02, 3.4, 64, 90)],
        *[(1.03, 1.5, 76, 40), (2.99, 3.2, 90, 60), (3.1, 3.2, 90, 60), (3.0, 3.1, 91, 60), (8.0, 8.1, 50, 60)],
    ]
)


def test_each_piece_counts_alike() -> None:
    good, bad = piece("good", TRUTH, TRUTH), piece("bad", TRUTH, Notes.empty())
    mean = means([good, bad])
    assert (mean["onset"].precision, mean["onset"].recall, mean["onset"].f1) == (0.5, 0.5, 0.5)
    assert mean["frame"].f1 == 0.5
    found = piece("found", TRUTH, FOUND).scores
    assert (found["onset"].precision, found["onset"].recall) == pytest.approx((3 / 7, 3 / 4))
    assert found["onset_offset"].recall == pytest.approx(2 / 4)
    with pytest.raises(ValueError, match="no piece"):
        means([])


def test_errors_are_told_apart() -> None:
    told = errors([(TRUTH, FOUND)])
    registers = {share.name: (share.right, share.of) for share in told.recall_by["register"] if share.of}
    assert registers == {"C2-B2": (0, 1), "C4-B4": (2, 2), "C6-C8": (1, 1)}
    assert [(s.right, s.of) for s in told.recall_by["velocity"]] == [(0, 1), (0, 0), (1, 1), (1, 1), (1, 1)]
    assert [(s.right, s.of) for s in told.recall_by["polyphony"]][:2] == [(1, 2), (2, 2)]
    assert {s.name: s.right for s in told.recall_by["duration"]} == {
        "<0.1 s": 1,
        "0.1-0.3 s": 1,
        "0.3-1 s": 0,
        "1 s+": 1,
    }
    assert told.extra == {"octave or overtone": 1, "same key again": 1, "neighbour key": 1, "other": 1}
    assert sorted(told.timing_s.round(3).tolist()) == [-0.01, 0.01, 0.02]
    assert told.as_dict()["offset_error_ms"]["p95"] == pytest.approx(811, abs=1)
    assert sum(told.as_dict()["onset_error_histogram_5ms"]) == 3
    assert Share("none", 0, 0).share == 0.0
