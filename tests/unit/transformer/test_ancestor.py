"""The ancestor's models: the very logits of its own code, and a sentence for whatever does not fit."""

import json
import re
from pathlib import Path
from typing import Any

import ancestor_checkpoint
import numpy as np
import pytest

from aeolian.errors import UsageError
from aeolian.music.vocabulary import START
from aeolian.transformer import ancestor
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.loading import load_config, load_model
from aeolian.transformer.playing import play_on
from aeolian.transformer.sampling import Sampling
from aeolian.transformer.weights import check

CONFIG = ancestor_checkpoint.CONFIG
GOLDEN = Path(__file__).with_name("ancestor_logits.npz")  # by scripts/make_ancestor_goldens.py
SECOND_SHARD = "ckpt.data-00001-of-00002"


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return ancestor_checkpoint.variables(CONFIG)


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    return ancestor_checkpoint.write(tmp_path / "model", CONFIG, arrays)


def test_the_shape_is_read_from_its_config(folder: Path) -> None:
    assert load_config(folder) == ModelConfig(
        d_model=128,
        num_layers=2,
        num_heads=2,
        d_ff=64,
        dropout=0.2,
        max_seq=24,
        norm="post",
        positions="sinusoid",
        tied_output=False,
        start_token=False,
    )
    assert load_config(folder).architecture == "ancestor"


@pytest.mark.parametrize("length", [1, 7, 24])
def test_the_logits_are_those_of_its_own_code(folder: Path, length: int) -> None:
    golden = np.load(GOLDEN)
    tokens, logits = golden[f"tokens_{length}"], golden[f"logits_{length}"]
    assert np.ptp(logits) > 2
    config, weights = load_model(folder)
    np.testing.assert_allclose(Decoder(config, weights).read(tokens[None])[0], logits, rtol=0, atol=1e-4)
    stepping = Decoder(config, weights)
    for token in tokens:
        stepped = stepping.step(np.array([token]))
    np.testing.assert_allclose(stepped[0], logits, rtol=0, atol=1e-4)


@pytest.mark.heavy
def test_the_logits_of_the_keras_model_too(folder: Path) -> None:
    from aeolian.transformer.model import MusicTransformer

    golden = np.load(GOLDEN)
    config, weights = load_model(folder)
    model = MusicTransformer(config, query_block=8)
    model.put_in(weights)
    for length in (1, 7, 24):
        logits = np.asarray(model(golden[f"tokens_{length}"][None].astype(np.int32)))[0, -1]
        np.testing.assert_allclose(logits, golden[f"logits_{length}"], rtol=0, atol=1e-4)


@pytest.mark.heavy
def test_tensorflow_reads_the_checkpoints_of_these_tests(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow: make setup")
    reader = tf.train.load_checkpoint(str(folder / "ckpt"))
    assert set(reader.get_variable_to_shape_map()) == set(arrays)
    assert all(np.array_equal(reader.get_tensor(name), value) for name, value in arrays.items())


@pytest.mark.parametrize("shards", [1, 3])
def test_the_number_of_data_files_does_not_matter(tmp_path: Path, arrays: dict[str, np.ndarray], shards: int) -> None:
    folder = ancestor_checkpoint.write(tmp_path / "model", CONFIG, arrays, shards=shards)
    assert len(list(folder.glob("ckpt.data-*"))) == shards
    _, weights = load_model(folder)
    kernel = arrays["Decoder/enc_layers/1/rga/Wk/kernel/.ATTRIBUTES/VARIABLE_VALUE"]
    np.testing.assert_array_equal(weights["block_1.attention.qkv.kernel"][:, 128:256], kernel)


def test_a_smaller_vocabulary_never_plays_what_it_lacks(tmp_path: Path) -> None:
    document = CONFIG | {"vocab_size": 390}
    arrays = ancestor_checkpoint.variables(document)
    config, weights = load_model(ancestor_checkpoint.write(tmp_path, document, arrays))
    check(weights, config, "the padded model")
    logits = Decoder(config, weights).read(np.array([[60, 300, 188]]))[0]
    assert (len(logits), logits[390]) == (391, ancestor.NEVER)
    assert np.abs(logits[:390]).max() < 100


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"embedding_dim": 32}, "embedding_dim is 32; the ancestor has a head for each 64"),
        ({"embedding_dim": "256"}, "embedding_dim is '256'; it must be a whole number"),
        ({"embedding_dim": 200}, "d_model 200 cannot be shared among 3 heads"),
        ({"vocab_size": 500}, "vocab_size is 500; the ancestor's 388 events"),
        ({"num_layer": 0}, "num_layers is 0"),
        ({"num_layer": 3}, "the checkpoint lacks 17 variables, such as Decoder/enc_layers/2/FFN_pre/bias"),
        ({"num_layer": 1}, "has 17 variables that config.json knows nothing of, such as Decoder/enc_layers/1/FFN_pre"),
        ({"max_seq": 2048}, "rga/emb has the shape [24, 64], config.json wants [2048, 64]"),
        ({"vocab_size": 390}, "Decoder/embedding/embeddings has the shape [391, 128], config.json wants [390, 128]"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_a_sentence(
    folder: Path, change: dict[str, Any], reason: str
) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(UsageError, match=re.escape(reason)):
        load_model(folder)


def test_a_checkpoint_that_is_incomplete_is_refused_with_a_sentence(folder: Path) -> None:
    shard = (folder / SECOND_SHARD).read_bytes()
    (folder / SECOND_SHARD).write_bytes(shard[: len(shard) // 2])
    with pytest.raises(UsageError, match=rf"model: {SECOND_SHARD} is cut short: .* should be at the bytes"):
        load_model(folder)
    (folder / SECOND_SHARD).unlink()
    with pytest.raises(UsageError, match=f"model: 1 of the checkpoint's 2 data files are missing: {SECOND_SHARD}"):
        load_model(folder)
    (folder / "ckpt.index").unlink()
    with pytest.raises(UsageError, match=r"model has a config\.json of the ancestor's, but no ckpt\.index"):
        load_model(folder)


def test_its_encoder_and_decoder_together_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    more = {**arrays, "Encoder/embedding/embeddings/.ATTRIBUTES/VARIABLE_VALUE": np.zeros((391, 128), np.float32)}
    with pytest.raises(UsageError, match=r"encoder with its decoder\. .* MusicTransformerDecoder"):
        load_model(ancestor_checkpoint.write(tmp_path, CONFIG, more))


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    spoilt = {**arrays, "fc/bias/.ATTRIBUTES/VARIABLE_VALUE": np.full(391, np.nan, np.float32)}
    with pytest.raises(UsageError, match="fc/bias has values that are not finite"):
        load_model(ancestor_checkpoint.write(tmp_path, CONFIG, spoilt))


def test_a_folder_of_neither_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no model folder"):
        load_model(tmp_path / "absent")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="describes no model of ours"):
        load_model(tmp_path)


def test_it_plays_on_from_the_seed_alone_since_it_knows_no_start_token(folder: Path) -> None:
    config, weights = load_model(folder)
    prime = np.load(GOLDEN)["tokens_7"]
    decoder = Decoder(config, weights)
    rng = np.random.default_rng(0)
    play_on(decoder, prime, 1, Sampling(), [rng], lambda done, total, note: None)
    assert decoder._tokens[0, : decoder.length].tolist() == prime.tolist()
    unprimed = Decoder(config, weights)
    play_on(unprimed, prime[:0], 1, Sampling(), [rng], lambda done, total, note: None)
    assert unprimed._tokens[0, : unprimed.length].tolist() == [START]
