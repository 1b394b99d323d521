"""NLL by token, second and kind: hand-worked, against the decoder step by step, and against training's figure."""

from collections.abc import Callable

import numpy as np
import pytest

from aeolian.formats.song_example import SongExample
from aeolian.music.vocabulary import END, START
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.likelihood import KINDS, _windows, score, together, token_nats
from aeolian.transformer.sampling import log_probabilities
from aeolian.transformer.weights import Weights, expected_shapes

Small, Make = Callable[..., ModelConfig], Callable[..., Weights]
# Velocity, note on, 0.5 s, note off: four events and the end.
SONG = np.array([370, 60, 305, 188], dtype=np.int16)
LONG = np.random.default_rng(4).integers(0, 388, 150).astype(np.int16)


def test_a_model_that_knows_nothing_needs_log_391_nats_for_each_token(small: Small) -> None:
    config = small()
    nothing = {name: np.zeros(shape, np.float32) for name, shape in expected_shapes(config).items()}
    [likelihood] = score(config, nothing, [SONG])
    assert (likelihood.tokens, likelihood.seconds) == (5, 0.5)
    assert likelihood.nats_per_token == pytest.approx(np.log(391), abs=1e-6)
    assert likelihood.nats_per_second == pytest.approx(10 * np.log(391), abs=1e-5)
    assert likelihood.tokens_by_kind == dict.fromkeys(KINDS, 1)
    assert likelihood.nats_by_kind["velocity"] == pytest.approx(np.log(391), abs=1e-6)


def test_every_target_is_scored_once_and_from_half_a_window_or_more() -> None:
    # 10 targets, a context of 4: windows at 0, 2, 4, 6 score 4, 2, 2, 2 of them.
    assert list(_windows(10, 4, 2)) == [(0, 0), (2, 4), (4, 6), (6, 8)]
    assert list(_windows(10, 4, 4)) == [(0, 0), (4, 4), (8, 8)]
    assert list(_windows(4, 4, 1)) == [(0, 0)]


@pytest.mark.parametrize("stride", [64, 32, 7])
def test_each_token_is_foreseen_from_its_own_window(stride: int, small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    framed = np.concatenate([[START], LONG, [END]]).astype(np.int16)
    nats = token_nats(Decoder(config, weights), framed, stride)
    for start, scored in _windows(len(nats), 64, stride):
        for target in range(scored, min(start + 64, len(nats)), 5):
            logits = Decoder(config, weights).read(framed[None, start : target + 1])[0]
            expected = -float(log_probabilities(logits)[framed[target + 1]])
            assert nats[target] == pytest.approx(expected, abs=1e-4)


def test_songs_count_by_their_tokens_whatever_the_threads(small: Small, random_weights: Make) -> None:
    config = small()
    weights = random_weights(config)
    one, two = (score(config, weights, [SONG, LONG, SONG[:0]], stride=32, threads=n) for n in (1, 2))
    assert one == two
    assert [each.tokens for each in one] == [5, 151, 1]  # an empty song is START, END
    total = together(one)
    assert total.nats == pytest.approx(sum(each.nats for each in one))
    assert total.nats_per_token == pytest.approx(total.nats / 157)
    assert total.tokens_by_kind["end"] == 3
    with pytest.raises(ValueError, match="a stride of 65 tokens is not within 1…64"):
        score(config, weights, [SONG], stride=65)


def test_a_model_without_start_token_foresees_all_events_but_the_first(small: Small, random_weights: Make) -> None:
    config = small("ancestor", start_token=False)
    one, none = score(config, random_weights(config), [SONG, SONG[:1]])
    assert (one.tokens, one.tokens_by_kind["velocity"], one.tokens_by_kind["end"]) == (3, 0, 0)
    assert (none.tokens, none.nats) == (0, 0.0)
    assert np.isnan(none.nats_per_token)


@pytest.mark.heavy
def test_side_by_side_it_is_the_figure_of_training(small: Small, random_weights: Make) -> None:
    from aeolian.transformer.dataset import count_targets, whole_songs
    from aeolian.transformer.model import MusicTransformer
    from aeolian.transformer.steps import negative_log_likelihood

    config = small()
    weights = random_weights(config)
    model = MusicTransformer(config)
    model.put_in(weights)
    songs = [SongExample("a", "test", LONG), SongExample("b", "test", SONG)]
    batches = list(whole_songs(songs, max_seq=64, batch_size=3))
    nats = sum(float(negative_log_likelihood(model(batch[:, :-1]), batch[:, 1:])) for batch in batches)
    total = together(score(config, weights, [song.tokens for song in songs]))
    assert total.tokens == sum(count_targets(batch) for batch in batches)
    assert total.nats == pytest.approx(nats, rel=1e-5)
