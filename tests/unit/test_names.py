"""Names: the standard, what Pachyderm refuses, and that two never become one."""

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.names import (
    acceptable,
    assign_file_names,
    assign_stems,
    injective_stem,
    named_as_audio,
    printable,
    refusal,
    standard_stem,
    transliterate,
)


def digits(name):
    return hashlib.sha256(name.encode()).hexdigest()[:6]


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("song.mp3", "song"),
        ("My Song.MP3", "mysong"),
        ("Sub Folder/My Söng.mp3", "subfolder-mysong"),
        ("Ærø – straße.ogg", "aero-strasse"),
        ("été.flac", "ete"),
        ("e\u0301te\u0301.flac", "ete"),
        ("Щедрик.mp3", "shchedrik"),
        ("Ελένη.mp3", "eleni"),
        ("さくら.mp3", "sakura"),
        ("사랑.mp3", "sarang"),
        ("東京.mp3", "untitled"),
        ("-rf.mp3", "rf"),
        ("a\nb\t c.mp3", "abc"),
        ("what? (live) [1999]!.mp3", "what-live-1999"),
        ("..mp3", "untitled"),
        ("no extension", "noextension"),
        ("v1.2.wav", "v1.2"),
        ("notes.txt", "notes.txt"),
        ("seed.mid", "seed"),
        ("x" * 300 + ".mp3", "x" * 120),
    ],
)
def test_standard_stem(path, stem):
    assert standard_stem(path) == stem
    assert refusal(stem) is None


def test_transliterate_keeps_capitals_and_spaces():
    assert transliterate("Ёлка Ж — “ÿ”") == "Yolka Zh - y"


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("song.mp3", "song"),
        ("song.flac", "song-flac"),
        ("song-flac.mp3", "song-flac-" + digits("song-flac.mp3")),
        ("My Song.mp3", "mysong-" + digits("My Song.mp3")),
        ("sub/song.mp3", "sub-song-" + digits("sub/song.mp3")),
        ("song-a1b2c3.mp3", "song-" + digits("song-a1b2c3.mp3")),
        ("song", "song-" + digits("song")),
    ],
)
def test_injective_stem(path, stem):
    assert injective_stem(path) == stem


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("song.wav", "song"),
        ("song-flac.wav", "song-flac"),
        ("mysong-d16216.wav", "mysong-d16216"),
        ("My Song.wav", "mysong-" + digits("My Song.wav")),
        ("song.flac", "song-" + digits("song.flac")),
    ],
)
def test_what_an_earlier_stage_named_keeps_its_name(path, stem):
    assert injective_stem(path, plain_extension="wav") == stem


def test_a_name_that_one_file_claims_is_plain_and_others_are_told_apart():
    stems = assign_stems(["My Song.mp3", "song.mp3", "song.flac", "b.wav"])
    assert stems == {
        "My Song.mp3": "mysong",
        "song.mp3": "song",
        "song.flac": "song-flac",
        "b.wav": "b",
    }


def test_file_names_keep_their_extension():
    names = assign_file_names(["A/My Söng.MP3", "song.mp3", "song.FLAC", "Song.flac"])
    assert names == {
        "A/My Söng.MP3": "a-mysong.mp3",
        "song.mp3": "song.mp3",
        "song.FLAC": f"song-{digits('song.FLAC')}.flac",
        "Song.flac": f"song-{digits('Song.flac')}.flac",
    }


def test_even_a_name_made_to_collide_does_not():
    first, second = "My Song.mp3", "mysong.MP3"
    made = f"mysong-{digits(first)}.mp3"
    nested = f"mysong-{digits(first)}-{digits(made)}.mp3"
    for assign in (assign_stems, assign_file_names):
        assert len(set(assign([first, second, made, nested]).values())) == 4


titles = st.text(st.sampled_from("aAä ._-/\n'é東b1()"), min_size=1, max_size=6)
paths = st.builds(
    lambda title, extension: title.replace("/", "x") + extension,
    titles,
    st.sampled_from([".mp3", ".MP3", ".flac", "", ".wav", "-flac.mp3"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(paths, unique=True, max_size=30), st.booleans())
def test_distinct_paths_get_distinct_names_that_pachyderm_takes(several, alone):
    for names in (assign_stems(several, alone=alone), assign_file_names(several)):
        assert set(names) == set(several)
        assert len(set(names.values())) == len(several)
        assert all(refusal(name) is None for name in names.values())
        assert all(name == name.lower() and " " not in name for name in names.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(paths, unique=True, max_size=20))
def test_a_worker_names_one_song_as_it_would_among_all(several):
    together = assign_stems(several, alone=True)
    assert together == {path: assign_stems([path], alone=True)[path] for path in several}


@pytest.mark.parametrize(
    ("path", "refused"),
    [("a/b c.mp3", False), ("ä", True), ("a*b", True), ("a/../b", True), ("a//b", True), ("a\tb", True), ("./a", True)],
)
def test_refusal(path, refused):
    assert (refusal(path) is not None) is refused


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12))
def test_acceptable_is_accepted_and_stays(path):
    name = acceptable(path)
    assert refusal(name) is None
    assert acceptable(name) == name


def test_named_as_audio():
    assert [named_as_audio(p) for p in ("a.MP3", "b/c.Opus", "a.txt", "mp3", ".mp3")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_main_speaks_nul():
    given = b"A b.MP3\0notes.txt\0Sub/\xff.ogg\0-x\n.wav\0"
    done = subprocess.run([sys.executable, "-m", "aeolian.names"], input=given, capture_output=True, check=True)
    fields = done.stdout.split(b"\0")
    assert dict(zip(fields[::2], fields[1::2], strict=False)) == {
        b"-x\n.wav": b"x.wav",
        b"A b.MP3": b"ab.mp3",
        b"Sub/\xff.ogg": b"sub.ogg",
    }


def test_any_name_can_be_shown_on_one_line():
    assert printable("Été.mp3") == "Été.mp3"
    assert printable("new\nline\t.mp3") == "new\\nline\\t.mp3"
    assert printable("bad\udcff.mp3") == "bad\\xff.mp3"
