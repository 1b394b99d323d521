"""The vocabulary against the ids that Magenta publishes, written out by hand."""

import pytest

from aeolian.music import vocabulary as v


@pytest.mark.parametrize(
    ("kind", "value", "token"),
    [
        ("note_on", 0, 0),
        ("note_on", 60, 60),
        ("note_on", 127, 127),
        ("note_off", 0, 128),
        ("note_off", 127, 255),
        ("time_shift", 1, 256),
        ("time_shift", 100, 355),
        ("velocity", 1, 356),
        ("velocity", 32, 387),
    ],
)
def test_event_and_token_name_each_other(kind: str, value: int, token: int) -> None:
    assert v.Event(kind, value).token == token
    assert v.event(token) == v.Event(kind, value)


def test_the_sizes_and_special_tokens() -> None:
    assert (v.NUM_EVENTS, v.PAD, v.START, v.END, v.VOCABULARY_SIZE) == (388, 388, 389, 390, 391)
    assert [v.event(token).token for token in range(v.NUM_EVENTS)] == list(range(388))


@pytest.mark.parametrize(
    ("kind", "value"), [("note_on", 128), ("time_shift", 0), ("time_shift", 101), ("velocity", 33)]
)
def test_values_out_of_range_are_refused_with_the_range(kind: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{kind} takes"):
        _ = v.Event(kind, value).token


@pytest.mark.parametrize("token", [-1, 388, 389, 390, 1000])
def test_ids_that_are_no_events_are_refused(token: int) -> None:
    with pytest.raises(ValueError, match="0…387"):
        v.event(token)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no event is called 'pedal'"):
        _ = v.Event("pedal", 1).token


def test_the_dictionary_restates_the_ranges() -> None:
    written = v.as_dict()
    assert written["ranges"][2] == {"event": "time_shift", "first_token": 256, "size": 100, "first_value": 1}
    assert written["size"] == 391
