"""import-checkpoint: the ancestor's folder in, a model folder of ours out, that plays the same."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.formats.midi import read_midi
from aeolian.stages import generate
from aeolian.stages.import_checkpoint import Config, run
from aeolian.transformer.loading import is_ancestors, load_model

sys.path.append(str(Path(__file__).resolve().parents[1] / "transformer"))
import ancestor_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document = ancestor_checkpoint.CONFIG
    return ancestor_checkpoint.write(tmp_path / "theirs", document, ancestor_checkpoint.variables(document))


def test_the_model_folder_holds_the_same_model(folder: Path, tmp_path: Path) -> None:
    run(Config(folder, tmp_path / "ours"))
    names = ["README.md", "config.json", "model.safetensors", "vocabulary.json"]
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == names
    assert not is_ancestors(tmp_path / "ours")
    (config, weights), (theirs, their_weights) = load_model(tmp_path / "ours"), load_model(folder)
    assert config == theirs
    assert all(np.array_equal(weights[name], their_weights[name]) for name in their_weights)
    document = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert (document["architecture"], document["imported_from"]) == ("ancestor", "Ambient Music Generator")
    card = (tmp_path / "ours" / "README.md").read_text()
    assert "| layers × width, heads, inner width | 2 × 128, 2, 64 |" in card


def test_the_folder_as_it_is_and_imported_play_the_same(folder: Path, tmp_path: Path, root: Path) -> None:
    run(Config(folder, tmp_path / "ours"))
    seed = root / "samples" / "midi" / "1.mid"
    for model, name in ((folder, "a.mid"), (tmp_path / "ours", "b.mid")):
        generate.run(generate.Config(model, seed, tmp_path / name, length=60, prime=20))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert len(read_midi(tmp_path / "a.mid")) > 5


def test_what_cannot_be_imported_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the checkpoint's own folder"):
        run(Config(folder, folder))
    run(Config(folder, tmp_path / "ours"))
    with pytest.raises(UsageError, match="is a model folder of ours already"):
        run(Config(tmp_path / "ours", tmp_path / "again"))
    with pytest.raises(UsageError, match="There is no model folder"):
        run(Config(tmp_path / "absent", tmp_path / "again"))
    assert not (tmp_path / "again").exists()
