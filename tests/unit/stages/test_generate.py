"""generate: seeds and a model in, MIDI out, without TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from with_drums import write_with_drums

from aeolian.errors import InputError, UsageError
from aeolian.formats.midi import read_midi, read_score, write_midi
from aeolian.music.notes import Notes
from aeolian.stages.generate import Config, run
from aeolian.transformer.config import CONFIG_NAME, FORMAT, ModelConfig, preset
from aeolian.transformer.weights import WEIGHTS_NAME, expected_shapes, write_weights

SEED = Notes.of([(0.25 * n, 0.25 * n + 0.2, 60 + n % 12, 80) for n in range(24)])
MODEL = preset("aeolian", d_model=16, num_layers=1, num_heads=2, max_seq=32)


def write_model(folder: Path, config: ModelConfig = MODEL) -> Path:
    folder.mkdir()
    (folder / CONFIG_NAME).write_text(json.dumps({"format": FORMAT, "model": config.as_dict()}))
    rng = np.random.default_rng(0)
    shapes = expected_shapes(config)
    write_weights(
        folder / WEIGHTS_NAME,
        {name: (0.1 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()},
    )
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    write_midi(tmp_path / "seed.mid", SEED)
    return tmp_path / "seed.mid"


def play(model: Path, inputs: Path, target: Path, **options: object) -> bytes:
    run(Config(model, inputs, target, **{"length": 100, **options}))  # type: ignore[arg-type]
    return target.read_bytes() if target.is_file() else b""


def test_a_seed_is_played_on_and_opens_everywhere(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "new" / "out.mid")
    notes = read_midi(tmp_path / "new" / "out.mid").sorted()
    played = pretty_midi.PrettyMIDI(str(tmp_path / "new" / "out.mid")).instruments[0].notes
    ons = [m for m in mido.MidiFile(tmp_path / "new" / "out.mid") if m.type == "note_on" and m.velocity]
    assert len(notes) == len(played) == len(ons) > len(SEED)
    np.testing.assert_allclose(notes.onset_s[:24], SEED.onset_s, atol=0.006)
    assert notes.pitch[:24].tolist() == SEED.pitch.tolist()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.mid"]


def test_the_same_seeds_give_the_same_bytes(model: Path, seed: Path, tmp_path: Path) -> None:
    first = play(model, seed, tmp_path / "a.mid")
    assert play(model, seed, tmp_path / "b.mid") == first
    assert play(model, seed, tmp_path / "c.mid", seed=1) != first
    assert play(model, seed, tmp_path / "d.mid", temperature=0.5) != first


def test_music_longer_than_the_context(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "a.mid", length=2000)
    assert len(read_midi(tmp_path / "a.mid")) > 200


def test_a_prime_is_the_seed_s_beginning(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "a.mid", prime=9, length=60)  # velocity, then on, shift, off, shift, …
    notes = read_midi(tmp_path / "a.mid").sorted()
    assert notes.pitch[:2].tolist() == [60, 61]
    assert notes.pitch[:24].tolist() != SEED.pitch.tolist()


def test_the_continuation_alone_starts_at_once(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "whole.mid")
    play(model, seed, tmp_path / "rest.mid", continuation_only=True)
    whole, rest = read_midi(tmp_path / "whole.mid").sorted(), read_midi(tmp_path / "rest.mid").sorted()
    end_s = SEED.end_s
    np.testing.assert_allclose(rest.onset_s, whole.onset_s[24:] - end_s, atol=0.011)
    assert rest.pitch.tolist() == whole.pitch[24:].tolist()


def test_a_beam_writes_music_too(model: Path, seed: Path, tmp_path: Path) -> None:
    assert play(model, seed, tmp_path / "a.mid", beam=3) == play(model, seed, tmp_path / "b.mid", beam=3, seed=7)


def test_samples_are_numbered_and_each_is_what_it_is_alone(model: Path, seed: Path, tmp_path: Path) -> None:
    first = play(model, seed, tmp_path / "a.mid")
    play(model, seed, tmp_path / "s.mid", samples=3)
    written = [(tmp_path / f"s-{number}.mid").read_bytes() for number in (1, 2, 3)]
    assert written[0] == first
    assert len(set(written)) == 3
    assert not (tmp_path / "s.mid").exists()
    page = (tmp_path / "s-takes.html").read_text()
    data = json.loads(page.split('id="takes">')[1].split("</script>")[0])
    assert [take["name"] for take in data["takes"]] == ["s-1.mid", "s-2.mid", "s-3.mid"]
    assert data["boundary"] == pytest.approx(SEED.end_s, abs=0.011)
    assert sum(take["nearest"] for take in data["takes"]) == 1
    for take, path in zip(data["takes"], sorted(tmp_path.glob("s-?.mid")), strict=True):
        assert [note[2] for note in take["notes"]] == read_midi(path).sorted().pitch.tolist()
    assert "http" not in page and "src=" not in page  # nothing is fetched


def test_without_a_seed_music_comes_from_nothing_into_a_folder_of_its_own(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(Config(model, length=100))
    assert len(read_midi(tmp_path / "generated-music" / "from-nothing.mid")) > 5


def test_songs_are_also_written_as_sound_and_picture(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "out" / "song.mid", render=True, length=20)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["song.mid", "song.png", "song.wav"]


def test_drums_of_a_seed_are_kept_and_it_is_said(
    model: Path, seed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "seeds").mkdir()
    write_with_drums(tmp_path / "seeds" / "band.mid", SEED, drums=5)
    said = "its 2 parts, 5 drum notes among them, are kept as they are; the piano goes on alone"
    play(model, tmp_path / "seeds" / "band.mid", tmp_path / "band.mid")
    play(model, seed, tmp_path / "a.mid")
    assert f"band.mid: {said}" in caplog.text
    band = read_score(tmp_path / "band.mid")
    assert [len(part.notes) for part in band.parts if part.is_drum] == [5]
    # The same is played to it as to the piano alone.
    assert band.notes().sorted().pitch.tolist() == read_midi(tmp_path / "a.mid").sorted().pitch.tolist()
    run(Config(model, tmp_path / "seeds", tmp_path / "out", length=100))
    (entry,) = json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]
    assert entry["details"]["remarks"] == [said]
    left_out = "5 drum notes (channel 10) left out"
    play(model, tmp_path / "seeds" / "band.mid", tmp_path / "alone.mid", continuation_only=True)
    assert f"band.mid: {left_out}" in caplog.text
    play(model, seed, tmp_path / "b.mid", bridge_to=tmp_path / "seeds" / "band.mid", samples=2)
    assert f"{tmp_path / 'seeds' / 'band.mid'}: {left_out}" in caplog.text


def test_the_boundary_is_marked_in_the_song_and_told_in_the_report(model: Path, seed: Path, tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "1.mid").write_bytes(seed.read_bytes())
    play(model, tmp_path / "seeds", tmp_path / "out")
    (entry,) = json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]
    assert entry["details"]["boundary_s"] == pytest.approx(SEED.end_s, abs=0.011)
    assert read_score(tmp_path / "out" / "1.mid").boundary_s == pytest.approx(SEED.end_s, abs=0.011)
    assert len(entry["details"]["distances"]) == 1 and entry["details"]["distances"][0] > 0


@pytest.mark.parametrize(("prime", "notes", "boundary_s"), [("1.5s", 6, 1.5), ("2bars", 16, 4.0), ("1bar", 8, 2.0)])
def test_a_prime_is_told_in_seconds_or_bars(
    model: Path, seed: Path, tmp_path: Path, prime: str, notes: int, boundary_s: float
) -> None:
    play(model, seed, tmp_path / "a.mid", prime=prime)
    song = read_score(tmp_path / "a.mid")
    assert song.boundary_s == pytest.approx(boundary_s, abs=0.002)
    before = song.notes().take(song.notes().onset_s < boundary_s - 0.001)
    assert before.sorted().pitch.tolist() == SEED.pitch[:notes].tolist()
    assert len(song.notes()) > notes


@pytest.mark.parametrize("prime", ["8 beats", "1.5bars", "-3", "x", "", "s"])
def test_a_prime_that_is_none_is_refused(model: Path, seed: Path, tmp_path: Path, prime: str) -> None:
    with pytest.raises(UsageError, match="is no part of a seed"):
        play(model, seed, tmp_path / "a.mid", prime=prime)


def test_a_continuation_is_faded_in(model: Path, seed: Path, tmp_path: Path) -> None:
    for name, fade_s in (("plain", 0.0), ("faded", 1000.0)):
        play(model, seed, tmp_path / f"{name}.mid", fade_in=fade_s)
    plain, faded = (read_midi(tmp_path / f"{name}.mid").sorted() for name in ("plain", "faded"))
    assert faded.velocity[:24].tolist() == plain.velocity[:24].tolist()
    np.testing.assert_allclose(faded.velocity[24:], plain.velocity[24:] / 4, atol=1.5)


def test_what_is_asked_for_beats_what_the_seed_is_like(model: Path, seed: Path, tmp_path: Path) -> None:
    without = play(model, seed, tmp_path / "a.mid", steer=False)
    assert without != play(model, seed, tmp_path / "b.mid")
    asked = {"density": 0, "polyphony": 0, "loudness": 0, "register": False, "key": "none", "returns": False}
    assert play(model, seed, tmp_path / "c.mid", candidates=1, **asked) == without
    play(model, seed, tmp_path / "soft.mid", loudness=10, continuation_only=True, candidates=1)
    play(model, seed, tmp_path / "loud.mid", loudness=120, continuation_only=True, candidates=1)
    soft, loud = (read_midi(tmp_path / f"{name}.mid").velocity.mean() for name in ("soft", "loud"))
    assert soft < 40 < 90 < loud


def test_the_candidate_taken_is_the_nearest_of_them(model: Path, seed: Path, tmp_path: Path) -> None:
    def distances(name: str, **options: object) -> list[float]:
        play(model, seed.parent / "seeds", tmp_path / name, **options)
        (entry,) = json.loads((tmp_path / name / "report.json").read_text())["inputs"]
        return list(entry["details"]["distances"])

    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "1.mid").write_bytes(seed.read_bytes())
    every = distances("each", samples=4, candidates=1)
    assert distances("best", candidates=4) == pytest.approx([min(every)], abs=2e-3)
    assert len(set(every)) == 4


def test_a_bridge_leads_over_to_another_song(model: Path, seed: Path, tmp_path: Path) -> None:
    write_midi(tmp_path / "goal.mid", Notes.of([(0.3 * n, 0.3 * n + 0.25, 80 - n, 60) for n in range(10)]))
    play(model, seed, tmp_path / "out.mid", bridge_to=tmp_path / "goal.mid", length=40, samples=4)
    notes = read_midi(tmp_path / "out.mid").sorted()
    assert notes.pitch[:24].tolist() == SEED.pitch.tolist()
    assert notes.pitch[-10:].tolist() == [80 - n for n in range(10)]
    np.testing.assert_allclose(np.diff(notes.onset_s[-10:]), 0.3, atol=0.006)
    with pytest.raises(UsageError, match="--bridge_to"):
        play(model, seed, tmp_path / "x.mid", bridge_to=tmp_path / "nothing.mid")


def test_a_key_is_kept_if_it_is_asked_for_strongly(model: Path, seed: Path, tmp_path: Path) -> None:
    play(model, seed, tmp_path / "c.mid", key="C", key_strength=50.0, continuation_only=True, length=300)
    assert set((read_midi(tmp_path / "c.mid").pitch % 12).tolist()) <= {0, 2, 4, 5, 7, 9, 11}
    with pytest.raises(UsageError, match="There is no key 'X'"):
        play(model, seed, tmp_path / "x.mid", key="X")
    with pytest.raises(UsageError, match="--beam and --key do not go together"):
        play(model, seed, tmp_path / "x.mid", key="C", beam=2)


def test_a_folder_of_seeds_names_the_broken_and_does_the_rest(
    model: Path, seed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    (folder / "2 zwö.MID").write_bytes(seed.read_bytes())
    write_midi(folder / "1.mid", SEED.shifted(0.5))
    write_midi(folder / "silence.mid", Notes.empty())
    (folder / "broken.mid").write_bytes(b"MThd, or so it says")
    (folder / "cover.png").write_bytes(b"\x89PNG")
    play(model, folder, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").glob("*.mid")) == ["1.mid", "2zwo.mid", "silence.mid"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    status = {entry["input"]: entry["status"] for entry in report["inputs"]}
    assert status["broken.mid"] == "failed"
    assert status["cover.png"] == "skipped"
    assert "generate: broken.mid: " in caplog.text
    # A song does not depend on the company its seed is in.
    assert play(model, seed, tmp_path / "alone.mid") == (tmp_path / "out" / "2zwo.mid").read_bytes()


def test_a_worker_writes_music_only(
    model: Path, seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PACH_DATUM_ID", "d1")
    folder = tmp_path / "seeds"
    folder.mkdir()
    (folder / "1.mid").write_bytes(seed.read_bytes())
    play(model, folder, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["1.mid"]
    assert json.loads(capsys.readouterr().out)["ok"] == 1


def test_an_empty_seed_starts_from_nothing_and_says_so(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_midi(tmp_path / "empty.mid", Notes.empty())
    with caplog.at_level("INFO"):
        play(model, tmp_path / "empty.mid", tmp_path / "out.mid")
    assert "empty.mid has no notes: the music starts from nothing" in caplog.text
    assert len(read_midi(tmp_path / "out.mid")) > 5


def test_what_cannot_work_is_said_in_a_sentence(model: Path, seed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mid"
    with pytest.raises(UsageError, match="There is no model folder"):
        play(tmp_path / "nowhere", seed, out)
    with pytest.raises(UsageError, match="There is no seed"):
        play(model, tmp_path / "nothing.mid", out)
    with pytest.raises(UsageError, match="No MIDI file"):
        play(model, model, out)
    with pytest.raises(UsageError, match="--max_seq 64 is more than the model's context of 32 tokens"):
        play(model, seed, out, max_seq=64)
    (tmp_path / "not.mid").write_text("no music")
    with pytest.raises(InputError):
        play(model, tmp_path / "not.mid", out)
    (model / WEIGHTS_NAME).unlink()
    with pytest.raises(UsageError, match=r"has no model\.safetensors"):
        play(model, seed, out)
    assert not out.exists()


WITHOUT = """
import sys
for name in ("tensorflow", "keras", "jax", "torch", "numba", "scipy"):
    sys.modules[name] = None
sys.argv[0] = "generate.py"
from aeolian.stages.generate import Config, run
from aeolian.stages.options import command
command(Config, run)()
"""


def generate(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PACH_")}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)


def test_no_tensorflow_no_keras_and_the_flags_as_they_are_known(model: Path, seed: Path, tmp_path: Path) -> None:
    known = [f"--load_path={model}", f"--inputs={seed}", f"--save_path={tmp_path / 'o.mid'}"]
    done = generate(*known, "--length=50", "--max_seq=32", "--beam=0", "--mode=dec", "--no_continuation_only")
    assert done.returncode == 0, done.stderr
    assert "generating 50/50" in done.stderr
    assert len(read_midi(tmp_path / "o.mid")) > len(SEED)
    refused = generate(*known, "--mode=enc")
    assert refused.returncode == 2
    assert "dec" in refused.stderr
    lost = generate(f"--load_path={tmp_path / 'none'}", *known[1:])
    assert lost.returncode == 2
    assert lost.stderr.startswith("error: There is no model folder")


def test_samples_are_the_same_whatever_cores_there_are(
    model: Path, seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for cores in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        play(model, seed, tmp_path / cores / "s.mid", samples=9, length=60)
        written.append([(tmp_path / cores / f"s-{number}.mid").read_bytes() for number in range(1, 10)])
    assert written[0] == written[1]
    assert len(set(written[0])) == 9
