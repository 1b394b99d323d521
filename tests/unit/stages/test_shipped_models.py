"""--load_path: a folder, or the name of a model that is shipped."""

from pathlib import Path

import pytest

from aeolian.errors import UsageError
from aeolian.stages import shipped_models
from aeolian.stages.shipped_models import MODELS_VARIABLE, find_model


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shipped_models, "_BESIDE_THE_CODE", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    for name in ("shipped/piano-v1", "shipped/piano-v2", "shipped/unfinished", "own/piano-v2"):
        (tmp_path / name).mkdir(parents=True)
        if not name.endswith("unfinished"):
            (tmp_path / name / "config.json").write_text("{}")
    return tmp_path


def test_a_name_is_found_and_a_folder_comes_first(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(Path("piano-v2")) == models / "shipped" / "piano-v2"
    monkeypatch.setenv(MODELS_VARIABLE, str(models / "own"))
    assert find_model(Path("piano-v2")) == models / "own" / "piano-v2"
    (models / "piano-v2").mkdir()
    assert find_model(Path("piano-v2")) == Path("piano-v2")


def test_what_there_is_none_of_is_told_with_what_there_is(models: Path) -> None:
    with pytest.raises(UsageError, match=r"nor a model of that name: there are piano-v1, piano-v2\. --load_path takes"):
        find_model(Path("piano-v3"))
    assert find_model(Path("some/where")) == Path("some/where")  # whoever reads it says that it is absent


def test_the_models_of_a_checkout_lie_at_its_root(root: Path) -> None:
    assert root / "trained-models" == shipped_models._BESIDE_THE_CODE
