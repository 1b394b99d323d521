"""A folder or a file among the inputs that cannot be read: every stage names it and goes on."""

import ctypes
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from test_generate import write_model

from aeolian.errors import InputError, UsageError
from aeolian.formats.midi import read_midi, write_midi
from aeolian.formats.song_example import SongExample, read_songs, write_song
from aeolian.music.codec import encode
from aeolian.music.notes import Notes
from aeolian.stages import convert, evaluate_transcription, generate, pieces, preprocess, render, train, transcribe
from aeolian.stages.folders import input_files
from aeolian.stages.options import command
from aeolian.stages.report import REPORT_NAME, StageReport
from aeolian.stages.transcriber_corpus import Corpus
from aeolian.transcription.training.corpus import read_truth

TUNE = Notes.of([(0.2 * i, 0.2 * i + 0.15, 60 + i % 12, 70) for i in range(40)])
DENIED = "cannot be read: Permission denied"
_CAPABILITIES = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@pytest.fixture(autouse=True)
def permissions_hold() -> Iterator[None]:
    """Root reads what it may not; these capabilities are laid down for the test, in this thread."""
    if os.geteuid():
        yield
        return
    kernel = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    mine = (ctypes.c_uint32 * 6)()
    assert kernel.capget(header, mine) == 0
    without = (ctypes.c_uint32 * 6)(*mine)
    without[0] &= ~_CAPABILITIES
    assert kernel.capset(header, without) == 0
    yield
    assert kernel.capset(header, mine) == 0


@pytest.fixture
def closed() -> Iterator[Callable[[Path], Path]]:
    """Shuts a folder or file, until the end of the test."""
    shut: list[Path] = []

    def shutting(path: Path, mode: int = 0) -> Path:
        shut.append(path)
        path.chmod(mode)
        return path

    yield shutting
    for path in reversed(shut):
        path.chmod(0o755)


def write_sound(path: Path) -> None:
    t = np.arange(22_050) / 22_050
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 440 * t) * np.exp(-2 * t), 22_050)


def write_tune(path: Path) -> None:
    write_midi(path, TUNE)


def write_record(path: Path) -> None:
    write_song(path, SongExample(path.stem, "train", encode(TUNE)))


@pytest.fixture
def albums(tmp_path: Path, closed: Callable[[Path], Path]) -> Callable[[Callable[[Path], None], str], Path]:
    """Fills in/open/NAME and in/shut/NAME, and shuts in/shut."""

    def filled(write: Callable[[Path], None], name: str) -> Path:
        for album in ("open", "shut"):
            (tmp_path / "in" / album).mkdir(parents=True)
            write(tmp_path / "in" / album / name)
        closed(tmp_path / "in" / "shut")
        return tmp_path / "in"

    return filled


def entries_of(folder: Path) -> dict[str, tuple[str, str]]:
    report = json.loads((folder / REPORT_NAME).read_text())
    return {entry["input"]: (entry["status"], entry["reason"]) for entry in report["inputs"]}


@pytest.mark.parametrize("stage", ["convert", "transcribe", "preprocess", "render", "generate"])
def test_the_folder_is_named_and_the_rest_is_done(stage, albums, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    if stage == "convert":
        songs, name = albums(write_sound, "song.wav"), "song.wav"
        convert.run(convert.Config(songs, out))
    elif stage == "transcribe":
        songs, name = albums(write_sound, "song.wav"), "song.wav"
        transcribe.run(transcribe.Config(songs, out, "basic-pitch"))
    elif stage == "preprocess":
        songs, name = albums(write_tune, "song.mid"), "song.mid"
        preprocess.run(preprocess.Config(songs, out))
    elif stage == "render":
        songs, name = albums(write_tune, "song.mid"), "song.mid"
        render.run(render.Config(songs, out, sample_rate=8000, picture=False))
    else:
        songs, name = albums(write_tune, "song.mid"), "song.mid"
        generate.run(generate.Config(write_model(tmp_path / "model"), songs, out, length=20))
    assert entries_of(out) == {f"open/{name}": ("ok", ""), "shut": ("failed", DENIED)}
    assert f"{stage}: shut: {DENIED}" in caplog.messages


def test_training_names_it_and_takes_the_rest(albums, caplog):
    report = StageReport("train")
    assert len(train._songs(albums(write_record, "song.tfrecord"), report)) == 1
    assert [(entry.input, entry.status) for entry in report.entries] == [
        ("shut", "failed"),
        ("open/song.tfrecord", "ok"),
    ]
    assert f"train: shut: {DENIED}" in caplog.messages


def test_evaluation_names_it_and_measures_the_rest(albums, caplog):
    songs = albums(write_tune, "song.mid")
    assert [piece.name for piece in pieces.read_pieces(songs, "evaluate", lambda done, total, note="": None)] == [
        "open/song"
    ]
    assert caplog.messages == [f"evaluate: shut: {DENIED}"]


def test_evaluation_of_transcriptions_names_it_and_scores_the_rest(albums, tmp_path, caplog):
    truth = albums(write_tune, "song.mid")
    write_tune(tmp_path / "song.mid")
    (system,) = evaluate_transcription.evaluate(evaluate_transcription.Config(truth, tmp_path))
    assert [(piece.name, piece.scores["onset"].f1) for piece in system.pieces] == [("open/song", 1.0)]
    assert f"evaluate: shut: {DENIED}" in caplog.messages


def test_training_of_transcribers_names_it_and_takes_the_rest(albums, caplog):
    report = StageReport("train-transcriber")
    corpus = Corpus.read(albums(write_tune, "song.mid"), None, None, None, report)
    assert len(corpus.songs + corpus.held_out_songs) == 1
    assert [(entry.input, entry.status) for entry in report.entries] == [("shut", "failed"), ("open/song.mid", "ok")]
    assert f"train-transcriber: shut: {DENIED}" in caplog.messages


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_done(tmp_path, closed):
    (tmp_path / "in").mkdir()
    for name in ("good.wav", "shut.wav"):
        write_sound(tmp_path / "in" / name)
    closed(tmp_path / "in" / "shut.wav")
    for out, run in (
        (tmp_path / "wav", lambda out: convert.run(convert.Config(tmp_path / "in", out))),
        (tmp_path / "midi", lambda out: transcribe.run(transcribe.Config(tmp_path / "in", out, "basic-pitch"))),
    ):
        run(out)
        entries = entries_of(out)
        assert entries["good.wav"][0] == "ok"
        assert entries["shut.wav"] == ("failed", "cannot be opened: Permission denied")


def test_a_folder_that_can_be_listed_but_not_entered(tmp_path, closed):
    (tmp_path / "listed" / "sub").mkdir(parents=True)
    (tmp_path / "listed" / "a.wav").touch()
    (tmp_path / "b.wav").touch()
    closed(tmp_path / "listed", 0o444)
    report = StageReport("convert")
    assert input_files(tmp_path, report) == [tmp_path / "b.wav"]
    assert sorted((entry.input, entry.reason) for entry in report.entries) == [
        ("listed/a.wav", DENIED),
        ("listed/sub", DENIED),
    ]


def test_links_are_not_followed_in_circles_but_named(tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.wav").touch()
    (tmp_path / "album" / "up").symlink_to("..")
    (tmp_path / "other").symlink_to("album")
    (tmp_path / "b.wav").symlink_to("album/a.wav")
    (tmp_path / "ring.wav").symlink_to("ring.wav")
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    report = StageReport("convert")
    assert input_files(tmp_path, report) == [tmp_path / "b.wav", tmp_path / "album" / "a.wav"]
    assert {entry.status for entry in report.entries} == {"skipped"}
    assert sorted((entry.input, entry.reason) for entry in report.entries) == [
        ("album/up", "a link to a folder, which is not followed: it may go in circles"),
        ("gone.wav", "a link that leads nowhere"),
        ("other", "a link to a folder, which is not followed: it may go in circles"),
        ("pipe.wav", "no file (a device, a pipe or a socket)"),
        ("ring.wav", "a link that leads to itself"),
    ]


def test_an_input_folder_that_cannot_be_read_is_a_usage_error(tmp_path, closed):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    closed(tmp_path / "in")
    for folder in (tmp_path / "in", tmp_path / "in" / "sub"):
        with pytest.raises(UsageError, match=r"cannot be read: Permission denied\. Check who may read it"):
            input_files(folder, StageReport("convert"))


def test_exit_codes_are_0_with_something_done_and_1_with_nothing(albums, tmp_path, closed):
    songs = albums(write_sound, "song.wav")
    arguments = ["--input", str(songs), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(command(convert.Config, convert.run), arguments).exit_code == 0
    closed(songs / "open")
    result = CliRunner().invoke(command(convert.Config, convert.run), arguments)
    assert result.exit_code == 1
    assert "convert: none of the 2 inputs could be used." in result.output


@pytest.mark.parametrize(
    ("name", "read"),
    [("a.mid", read_midi), ("a.txt", read_truth), ("a.tfrecord", lambda path: list(read_songs(path)))],
)
def test_a_file_of_any_kind_that_cannot_be_read_is_an_input_error(name, read, tmp_path, closed):
    (tmp_path / name).write_bytes(b"some bytes")
    closed(tmp_path / name)
    with pytest.raises(InputError, match="Permission denied"):
        read(tmp_path / name)
