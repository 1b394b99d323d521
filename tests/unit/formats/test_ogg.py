"""The links of chained Ogg files, found by their pages."""

import struct

import pytest

from aeolian.formats import ogg
from aeolian.formats.ogg import find_links


def page(kind: int, body: bytes = b"x" * 300, serial: int = 1) -> bytes:
    lacing = [255] * (len(body) // 255) + [len(body) % 255]
    return b"OggS" + struct.pack("<BBqIIIB", 0, kind, 0, serial, 0, 0, len(lacing)) + bytes(lacing) + body


FIRST, MIDDLE, LAST = page(2), page(0), page(4)
LINK = FIRST + MIDDLE + LAST
TWO_STREAMS = page(2, serial=1) + page(2, serial=2) + MIDDLE + LAST


def links(tmp_path, content):
    (tmp_path / "a.ogg").write_bytes(content)
    with (tmp_path / "a.ogg").open("rb") as file:
        return find_links(file)


@pytest.mark.parametrize(
    ("content", "starts"),
    [
        (LINK, [0]),
        (TWO_STREAMS, [0]),
        (LINK + LINK, [0, len(LINK)]),
        (TWO_STREAMS + LINK + TWO_STREAMS, [0, len(TWO_STREAMS), len(TWO_STREAMS) + len(LINK)]),
        (LINK + b"junk" * 40_000 + LINK, [0, len(LINK) + 160_000]),
        (LINK + b"OggOggS"[:3] + LINK, [0, len(LINK) + 3]),
        (LINK + LINK[: len(FIRST) + 40], [0, len(LINK)]),
        (LINK[:-200] + LINK, [0, len(LINK) - 200]),
        (LINK + LINK[: len(FIRST) + 40] + LINK, [0, len(LINK), len(LINK) + len(FIRST) + 40]),
        (LINK + FIRST[:-10] + LINK, [0, len(LINK), len(LINK) + len(FIRST) - 10]),
        (LINK + LINK + b"OggS", [0, len(LINK)]),
        (MIDDLE + LINK, [len(MIDDLE)]),
        (b"RIFF" + LINK, []),
        (b"OggS", []),
    ],
)
def test_a_link_begins_where_a_first_page_follows_one_that_is_none(tmp_path, content, starts):
    ends = [*starts[1:], len(content)]
    assert links(tmp_path, content) == [(start, end) for start, end in zip(starts, ends, strict=False)]


def test_a_page_that_lies_across_a_search_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(ogg, "_SEARCHED_BYTES", 7)
    for junk in range(20):
        assert links(tmp_path, LINK + b"j" * junk + LINK) == [
            (0, len(LINK) + junk),
            (len(LINK) + junk, 2 * len(LINK) + junk),
        ]


def test_the_last_of_very_many_goes_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(ogg, "MAX_LINKS", 3)
    size = len(LINK)
    assert links(tmp_path, LINK * 9) == [(0, size), (size, 2 * size), (2 * size, 9 * size)]
