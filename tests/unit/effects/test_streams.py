"""Blocks of any sizes give the bytes of the whole, for every effect; and sounds that are none are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE_HZ, noise

from aeolian.effects import Effect, Stream, parse_chain
from aeolian.effects.samples import BLOCK_FRAMES
from aeolian.errors import InputError, UsageError

# Every effect, with values that make it act within a few seconds at 8 kHz.
CHAINS = {
    "gain": "gain -6",
    "distort": "distort 12",
    "highpass": "highpass 300 3",
    "lowpass": "lowpass 900 2",
    "lowshelf": "lowshelf 300 6",
    "highshelf": "highshelf 1500 -9 1.5",
    "bell": "bell 1000 12 4",
    "compress": "compress -30 4 1 50",
    "limit": "limit -12 20 3",
    "delay": "delay 0.01 0.5 0.7",
    "chorus": "chorus 3 4 5",
    "reverb": "reverb 0.8 0.2 0.5 0.5 0.4",
    "pitch": "pitch 7",
    "stretch": "stretch 1.3",
    "harmonic": "harmonic",
    "percussive": "percussive",
    "fade": "fade 0.3 0.4",
    "tail": "tail 0.2",
    "loudness": "loudness -20",
    "peak": "peak -3",
    "mix": "mix(dry, 0.5: delay 0.1 1 | pitch 7, -1: limit -12 | tail 0.5, stretch 0.7)",
}
SAME_LENGTH = sorted(CHAINS.keys() - {"stretch", "tail", "mix"})


def in_blocks(stream: Stream, sound: np.ndarray, cuts: list[int]) -> np.ndarray:
    return np.concatenate([*(stream.process(block) for block in np.split(sound, sorted(cuts))), stream.flush()])


def test_there_is_a_chain_for_every_effect() -> None:
    assert set(CHAINS) == set(Effect.words)


@pytest.mark.parametrize("word", CHAINS)
@settings(max_examples=8, deadline=None)
@given(
    frames=st.integers(RATE_HZ // 2, 3 * BLOCK_FRAMES),
    channels=st.sampled_from([1, 2, 3]),
    shares=st.lists(st.floats(0, 1), max_size=12),
)
def test_blocks_of_any_sizes_give_the_bytes_of_the_whole(
    word: str, frames: int, channels: int, shares: list[float]
) -> None:
    sound, chain = noise(frames, channels, seed=frames), parse_chain(CHAINS[word])
    whole = chain.process(sound, RATE_HZ)
    cuts = [int(share * frames) for share in shares]
    assert in_blocks(chain.stream(RATE_HZ, channels), sound, cuts).tobytes() == whole.tobytes()
    assert (whole.dtype, whole.shape[1]) == (np.float32, channels)


@pytest.mark.parametrize("word", SAME_LENGTH)
@pytest.mark.parametrize("frames", [RATE_HZ, BLOCK_FRAMES, 2 * BLOCK_FRAMES + 1])
def test_the_length_is_kept(word: str, frames: int) -> None:
    assert parse_chain(CHAINS[word]).process(noise(frames), RATE_HZ).shape == (frames, 2)


@pytest.mark.parametrize("word", sorted(CHAINS.keys() - {"loudness"}))
@pytest.mark.parametrize("frames", [1, 2, 63])
def test_the_shortest_sounds_are_sounds(word: str, frames: int) -> None:
    made = parse_chain(CHAINS[word]).process(noise(frames), RATE_HZ)
    assert np.isfinite(made).all()
    assert word not in SAME_LENGTH or len(made) == frames


@pytest.mark.parametrize("word", CHAINS)
def test_silence_stays_silence(word: str) -> None:
    made = parse_chain(CHAINS[word]).process(np.zeros((RATE_HZ, 2), np.float32), RATE_HZ)
    assert not made.any()


@pytest.mark.parametrize("word", CHAINS)
def test_what_is_given_is_never_written_to(word: str) -> None:
    for channels in (1, 2):
        sound = noise(RATE_HZ, channels)
        before = sound.tobytes()
        parse_chain(CHAINS[word]).process(sound, RATE_HZ)
        assert sound.tobytes() == before


@pytest.mark.parametrize("word", CHAINS)
def test_a_caller_may_use_the_memory_of_a_block_again(word: str) -> None:
    sound, chain = noise(3 * 5000), parse_chain(CHAINS[word])
    stream, buffer, made = chain.stream(RATE_HZ, 2), np.empty((5000, 2), np.float32), []
    for block in sound.reshape(3, 5000, 2):
        buffer[:] = block
        made.append(stream.process(buffer))
        buffer[:] = np.nan
    assert np.array_equal(np.concatenate([*made, stream.flush()]), chain.process(sound, RATE_HZ))


def test_a_stream_gives_what_is_done_as_it_comes_and_a_whole_effect_at_the_end() -> None:
    sound = noise(4 * BLOCK_FRAMES)
    causal, whole = (parse_chain(text).stream(RATE_HZ, 2) for text in ("delay | limit", "delay | peak"))
    assert BLOCK_FRAMES <= len(causal.process(sound)) < len(sound)
    assert len(whole.process(sound)) == 0
    assert len(whole.flush()) == len(sound)
    assert (parse_chain("delay").whole, parse_chain("mix(dry, peak)").whole) == (False, True)


def test_mono_may_be_flat() -> None:
    sound, chain = noise(RATE_HZ, 1), parse_chain("reverb")
    flat = chain.process(sound[:, 0], RATE_HZ)
    assert flat.shape == (RATE_HZ,)
    assert np.array_equal(flat, chain.process(sound, RATE_HZ)[:, 0])


def test_a_transposed_or_strided_sound_gives_the_same_bytes() -> None:
    sound, chain = noise(20_000, 4), parse_chain("distort | compress | highpass 100")
    every_other = chain.process(np.ascontiguousarray(sound[:, ::2]), RATE_HZ)
    assert chain.process(sound[:, ::2], RATE_HZ).tobytes() == every_other.tobytes()
    assert chain.process(np.asfortranarray(sound[:, ::2]), RATE_HZ).tobytes() == every_other.tobytes()


# Dynamics share one gain, a reverb one room, a level one factor, pitch and stretch the phases.
SHARED = {"compress", "limit", "reverb", "loudness", "peak", "pitch", "stretch", "mix"}


@pytest.mark.parametrize("word", sorted(CHAINS.keys() - SHARED))
def test_channels_do_not_hear_each_other(word: str) -> None:
    sound = noise(RATE_HZ, 2)
    other = np.stack([sound[:, 0], np.zeros(RATE_HZ, np.float32)], axis=1)
    one, two = (parse_chain(CHAINS[word]).process(each, RATE_HZ) for each in (sound, other))
    assert np.array_equal(one[:, 0], two[:, 0])
    assert not two[:, 1].any()


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (np.empty((0, 2), np.float32), "holds no samples"),
        (np.empty((0,), np.float32), "holds no samples"),
        (np.zeros((4, 2), np.int16), "holds samples of type int16; expected floats in [-1, 1]. Divide 16-bit PCM"),
        (np.zeros((4, 2, 2), np.float32), "has the shape [4, 2, 2]; expected [frames, channels] or [frames]."),
        (np.float32(1.0), "has the shape []; expected"),
        (np.zeros((2, 0), np.float32), "has 0 channels; effects take 1 to 64."),
        (np.zeros((2, 44_100), np.float32), "has 44100 channels; effects take 1 to 64."),
        (np.array([[0, 0], [0, np.nan]]), "holds nan at frame 1 of channel 2; expected finite samples"),
        (np.array([0, -np.inf]), "holds -inf at frame 1 of channel 1"),
        (np.array([0.0, 2e6]), "holds 2e+06 at frame 1 of channel 1"),
        (np.array(["a"]), "holds samples of type <U1"),
        (np.zeros((4, 2), complex), "holds samples of type complex128"),
    ],
)
def test_a_sound_that_is_none_is_refused_with_the_place(sound: np.ndarray, said: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_chain("gain 0").process(sound, RATE_HZ)
    assert said in str(refused.value)


@pytest.mark.parametrize("after", ["dry", "pitch 7", "limit", "reverb", "loudness", "mix(dry, -1: delay)"])
@pytest.mark.filterwarnings("error")
def test_a_chain_that_makes_more_than_a_number_can_say_is_refused(after: str) -> None:
    loud = parse_chain(f"{' | '.join(['gain 120'] * 7)} | {after}")
    with pytest.raises(InputError, match="becomes louder within the chain than a number can say"):
        loud.process(noise(RATE_HZ), RATE_HZ)


def test_the_place_of_a_bad_sample_is_that_in_the_whole_stream() -> None:
    stream = parse_chain("gain 0").stream(RATE_HZ, 1)
    stream.process(np.zeros((100, 1), np.float32))
    with pytest.raises(InputError, match="nan at frame 103 of channel 1"):
        stream.process(np.array([[0], [0], [0], [np.nan]]))


@pytest.mark.parametrize("rate_hz", [0, -1, 10**9])
def test_a_sample_rate_that_no_sound_has_is_refused(rate_hz: int) -> None:
    with pytest.raises(InputError, match="sample rate of"):
        parse_chain("gain 0").process(noise(10), rate_hz)


@pytest.mark.parametrize("word", ["highpass", "lowpass", "lowshelf", "highshelf", "bell"])
def test_a_cutoff_above_half_the_sample_rate_is_refused(word: str) -> None:
    gain = "" if "pass" in word else " gain_db=3"
    with pytest.raises(UsageError, match=f"{word}: cutoff_hz is 4000; expected less than 4000"):
        parse_chain(f"{word} 4000{gain}").process(noise(10), RATE_HZ)


def test_a_stream_without_a_sample_ends_without_one() -> None:
    for word in CHAINS:
        if word not in ("tail", "mix"):
            assert parse_chain(CHAINS[word]).stream(RATE_HZ, 2).flush().shape == (0, 2), word
