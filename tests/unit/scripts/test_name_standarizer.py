"""scripts/name-standarizer.sh: standard names, one commit, nothing overwritten."""

import os
import subprocess

import pytest
from waiting import SAFETY_S

RECORDER = """#!/usr/bin/env bash
printf '%s' "$(basename "$0")" >> "$CALLS"
for argument in "$@"; do printf '|%s' "$argument" >> "$CALLS"; done
printf '\\n' >> "$CALLS"
[[ "$*" != *"$FAIL_ON"* || -z "$FAIL_ON" ]]
"""


@pytest.fixture
def desk(tmp_path, root):
    """A folder with some songs, and a PATH on which `pachctl` and `aeolian` only write down how they were called."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    songs = tmp_path / "audio-unprocessed"
    songs.mkdir()

    def add_clients(*names):
        for name in names:
            (bin_folder / name).write_text(RECORDER)
            (bin_folder / name).chmod(0o755)

    def run(*arguments, fail_on=""):
        env = {
            "PATH": f"{bin_folder}:{os.defpath}",
            "CALLS": str(tmp_path / "calls"),
            "FAIL_ON": fail_on,
            "HOME": str(tmp_path),
        }
        script = str(root / "scripts" / "name-standarizer.sh")
        return subprocess.run(
            [script, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=SAFETY_S
        )

    def calls():
        file = tmp_path / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def put(name, content=b"sound"):
        path = songs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return type("Desk", (), {k: staticmethod(v) for k, v in locals().items() if callable(v)} | {"folder": tmp_path})


def processed(desk, folder="audio-processed"):
    return sorted(path.name for path in (desk.folder / folder).iterdir())


def test_songs_are_moved_under_standard_names_and_put_in_one_commit(desk):
    desk.add_clients("pachctl")
    desk.put("My Söng.MP3")
    desk.put("Sub/Other One.Flac")
    desk.put("cover.jpg")
    done = desk.run()
    assert done.returncode == 0, done.stderr
    assert processed(desk) == ["mysong.mp3", "sub-otherone.flac"]
    assert sorted(path.name for path in (desk.folder / "audio-unprocessed").iterdir()) == ["Sub", "cover.jpg"]
    assert desk.calls() == [
        "pachctl|inspect|repo|audio-unprocessed",
        "pachctl|start|commit|audio-unprocessed@master",
        "pachctl|put|file|audio-unprocessed@master:/mysong.mp3|-f|./audio-processed/mysong.mp3",
        "pachctl|put|file|audio-unprocessed@master:/sub-otherone.flac|-f|./audio-processed/sub-otherone.flac",
        "pachctl|finish|commit|audio-unprocessed@master",
    ]


def test_aeolian_puts_all_files_with_one_call(desk):
    desk.add_clients("aeolian")
    desk.put("A.mp3")
    desk.put("B.mp3")
    assert desk.run("--repo", "songs", "--client=aeolian", "--copy", "audio-unprocessed", "out").returncode == 0
    assert desk.calls() == [
        "aeolian|inspect|repo|songs",
        "aeolian|put|file|songs@master|-f|out/a.mp3|-f|out/b.mp3",
    ]
    assert (desk.folder / "audio-unprocessed" / "A.mp3").exists()


def test_a_dry_run_changes_nothing(desk):
    desk.add_clients("pachctl")
    desk.put("My Song.mp3")
    done = desk.run("--dry-run")
    assert done.returncode == 0
    assert "move ./audio-unprocessed/My\\ Song.mp3 -> ./audio-processed/mysong.mp3" in done.stdout
    assert not (desk.folder / "audio-processed").exists()
    assert desk.calls() == []


def test_names_that_would_become_one_stay_two(desk):
    desk.put("My Song.mp3", b"one")
    desk.put("mysong.MP3", b"two")
    assert desk.run("--client", "none").returncode == 0
    contents = {(desk.folder / "audio-processed" / name).read_bytes() for name in processed(desk)}
    assert contents == {b"one", b"two"}


def test_a_target_that_holds_something_else_stops_it_before_it_begins(desk):
    desk.put("A.mp3", b"new")
    desk.put("B.mp3", b"b")
    (desk.folder / "audio-processed").mkdir()
    (desk.folder / "audio-processed" / "a.mp3").write_bytes(b"old")
    done = desk.run("--client", "none")
    assert done.returncode == 1
    assert "A.mp3 would become ./audio-processed/a.mp3" in done.stderr
    assert processed(desk) == ["a.mp3"]
    assert (desk.folder / "audio-processed" / "a.mp3").read_bytes() == b"old"


def test_a_target_with_the_same_content_is_no_obstacle(desk):
    desk.put("A.mp3", b"same")
    (desk.folder / "audio-processed").mkdir()
    (desk.folder / "audio-processed" / "a.mp3").write_bytes(b"same")
    assert desk.run("--client", "none").returncode == 0
    assert not (desk.folder / "audio-unprocessed" / "A.mp3").exists()


@pytest.mark.parametrize("name", ["-rf.mp3", "a\nb.mp3", "$(touch x).mp3", "'quoted' \"too\".mp3", "日本.mp3"])
def test_any_file_name_is_safe(desk, name):
    desk.put(name, b"sound")
    done = desk.run("--client", "none")
    assert done.returncode == 0, done.stderr
    assert [(desk.folder / "audio-processed" / n).read_bytes() for n in processed(desk)] == [b"sound"]
    assert not (desk.folder / "x").exists()


def test_a_failed_upload_says_how_to_go_on_and_put_all_does(desk):
    desk.add_clients("pachctl")
    desk.put("A.mp3")
    done = desk.run(fail_on="put file")
    assert done.returncode != 0
    assert "--put-all" in done.stderr
    assert desk.calls()[-1] == "pachctl|delete|commit|audio-unprocessed@master"
    assert desk.run("--put-all").returncode == 0
    assert "pachctl|put|file|audio-unprocessed@master:/a.mp3|-f|./audio-processed/a.mp3" in desk.calls()[-2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frob"], "unknown option --frob"),
        (["nowhere"], "nowhere does not exist"),
        (["audio-unprocessed", "audio-unprocessed"], "same folder"),
        (["--client", "ftp"], "unknown client ftp"),
        (["--repo"], "--repo needs a value"),
    ],
)
def test_wrong_usage_is_told(desk, arguments, message):
    done = desk.run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_help_tells_the_defaults(desk):
    done = desk.run("--help")
    assert done.returncode == 0
    assert "./audio-unprocessed" in done.stdout
    assert "./audio-processed" in done.stdout
    assert "audio-unprocessed@master" in done.stdout
