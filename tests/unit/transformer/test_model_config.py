import json
from pathlib import Path

import pytest

from aeolian.errors import UsageError
from aeolian.transformer.config import FORMAT, ModelConfig, preset, read_config
from aeolian.transformer.weights import count, expected_shapes


def test_the_ancestor_is_a_preset() -> None:
    config = preset("ancestor", d_model=256)
    assert (config.num_layers, config.num_heads, config.head_dim, config.d_ff) == (6, 4, 64, 128)
    assert (config.norm, config.norm_epsilon, config.positions, config.tied_output) == ("post", 1e-6, "sinusoid", False)
    assert config.architecture == "ancestor"
    shapes = expected_shapes(config)
    assert shapes["block_5.attention.relative"] == (2048, 64)
    assert shapes["block_0.inner.kernel"] == (256, 128)
    assert shapes["output.kernel"] == (256, 391)
    assert not any("final_norm" in name for name in shapes)
    # its checkpoint's arithmetic: embedding, output, and six blocks of attention, feed-forward and two norms
    block = 4 * (256 * 256 + 256) + 2048 * 64 + (256 * 128 + 128) + (128 * 256 + 256) + 4 * 256
    assert count(config) == 391 * 256 + 256 * 391 + 391 + 6 * block


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_heads": 3}, "d_model 256 cannot be shared among 3 heads"),
        ({"num_layers": 0}, "num_layers is 0"),
        ({"num_layers": 2.5}, "num_layers is 2.5"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"max_seq": 1}, "max_seq is 1"),
        ({"convolution": 0}, "convolution is 0"),
        ({"norm": "sideways"}, "one of pre, post"),
        ({"d_model": 5, "num_heads": 5, "positions": "sinusoid"}, "odd"),
    ],
)
def test_impossible_models_are_refused_with_the_reason(change: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ModelConfig(**change)


def test_config_json_comes_back(tmp_path: Path) -> None:
    config = ModelConfig(d_model=64, num_heads=2, dropout=0.3)
    (tmp_path / "config.json").write_text(json.dumps({"format": FORMAT, "model": config.as_dict()}))
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "has no config.json"),
        ("{", "not valid JSON"),
        ("[]", "describes no model of ours"),
        ('{"max_seq": 2048, "num_layer": 6}', "describes no model of ours"),
        (json.dumps({"format": FORMAT, "model": {"wings": 2}}), "unknown fields: wings"),
        (json.dumps({"format": FORMAT, "model": {"num_heads": "four"}}), "num_heads is 'four'"),
        (json.dumps({"format": FORMAT, "model": {"dropout": "much"}}), "config.json"),
    ],
)
def test_what_is_wrong_with_a_config_json_is_said(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_config(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no model folder .*nowhere"):
        read_config(tmp_path / "nowhere")
