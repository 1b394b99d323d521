"""The language of chains, and their JSON: what is read, what is written, and what is said of what cannot be read."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.effects import PRESETS, Branch, Chain, Effect, Mix, from_json, parse_chain, to_json, write_chain
from aeolian.effects.dynamics import Compress
from aeolian.effects.echoes import Delay
from aeolian.effects.effect import REQUIRED
from aeolian.effects.gains import Gain
from aeolian.effects.normalising import Peak
from aeolian.effects.pitch import Pitch
from aeolian.effects.reverb import Reverb
from aeolian.errors import UsageError

PLAIN = [kind for kind in Effect.words.values() if kind is not Mix]


def values_of(field: dataclasses.Field) -> st.SearchStrategy:
    if field.type in (bool, "bool"):
        return st.booleans()
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if field.type in (int, "int"):
        return st.integers(int(low), int(high))
    return st.floats(low, high, allow_nan=False)


def effects() -> st.SearchStrategy[Effect]:
    return st.one_of(
        st.builds(kind, **{field.name: values_of(field) for field in dataclasses.fields(kind)}) for kind in PLAIN
    )


def mixes(chains: st.SearchStrategy[Chain]) -> st.SearchStrategy[Mix]:
    branches = st.builds(Branch, chains, st.floats(-100, 100, allow_nan=False))
    return st.builds(Mix, st.lists(branches, min_size=1, max_size=3).map(tuple))


def chains(inside: st.SearchStrategy[Effect]) -> st.SearchStrategy[Chain]:
    return st.lists(inside, max_size=3).map(tuple).map(Chain)


CHAINS = chains(st.one_of(effects(), mixes(chains(st.one_of(effects(), mixes(chains(effects())))))))


@given(CHAINS)
def test_what_is_written_is_read_as_the_same_chain(chain: Chain) -> None:
    assert parse_chain(write_chain(chain)) == chain
    assert from_json(to_json(chain)) == chain


def test_the_chain_of_the_command_is_four_effects() -> None:
    assert parse_chain("compress | pitch 7 | delay 0.25 0.8 | reverb") == Chain(
        (Compress(), Pitch(7.0), Delay(0.25, mix=0.8, feedback=0.0), Reverb())
    )


def test_a_mix_has_branches_with_weights_and_dry_is_no_effect() -> None:
    assert parse_chain("mix(dry, 0.5: delay 0.25 | pitch 7)") == Chain(
        (Mix((Branch(Chain()), Branch(Chain((Delay(0.25), Pitch(7.0))), 0.5))),)
    )
    assert parse_chain("dry") == Chain()


def test_values_go_by_place_or_by_name_and_hold_their_type() -> None:
    assert parse_chain("DELAY mix=1 delay_s=2") == Chain((Delay(2.0, 1.0),))
    assert parse_chain("peak -3 no") == Chain((Peak(-3.0, False),))
    assert type(parse_chain("highpass 80 2").effects[0].order) is int
    assert type(parse_chain("gain 3").effects[0].gain_db) is float


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_word_that_stands_for_its_chain(name: str) -> None:
    assert parse_chain(f"gain 1 | {name}") == Chain((Gain(1.0), *parse_chain(PRESETS[name]).effects))


def test_novice_dj_is_the_board_of_the_tutorial() -> None:
    compress, mix, reverb = parse_chain("novice-dj").effects
    assert (compress, reverb) == (Compress(), Reverb())
    assert mix == Mix((Branch(Chain((Gain(1.0),))), Branch(Chain((Delay(0.25, 1.0), Pitch(7.0), Gain(-3.0))))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The chain is empty. Write effects"),
        ("foo", "There is no effect 'foo'. There are bell, chorus, compress"),
        ("revreb", "There is no effect 'revreb'. Did you mean reverb?"),
        ("gain", "gain: gain_db is missing: Decibels"),
        ("gain 900", "gain: gain_db is 900.0; expected a number from -120 to 120."),
        ("gain 1e999", "gain: gain_db is inf; expected a number from -120 to 120."),
        ("gain x", "gain: gain_db is 'x'; expected a number, yes or no."),
        ("gain yes", "gain: gain_db is True; expected a number from -120 to 120."),
        ("gain nan", "gain: gain_db is 'nan'"),
        ("peak -1 2", "peak: true_peak is 2.0; expected yes or no."),
        ("highpass 100 1.5", "highpass: order is 1.5; expected a whole number from 1 to 8."),
        ("gain -3 gain_db=2", "gain: gain_db is given twice."),
        ("gain level=2", "gain: has no 'level'; expected gain_db."),
        ("delay 1 1 0 4", "delay: '4' is one value too many; expected delay_s mix feedback, or | before"),
        ("compress limit", "compress: threshold_db is 'limit'; expected a number, yes or no. Write | before limit."),
        ("gain 2 |", "The chain has 'the end'; expected the word of an effect."),
        ("gain 2 )", "The chain has ')' at character 8; expected | or the end."),
        ("delay mix=", "The chain has 'the end'; expected a value of delay's mix."),
        ("gain 2 $x", "'$x' in the chain is neither a word, a number nor one of"),
        ("mix", "expected ( and the chains to mix, as in mix(dry, delay 0.25)."),
        ("mix()", "The chain has ')' at character 5; expected the word of an effect."),
        ("mix(dry", "The chain has 'the end'; expected | or , or )."),
        ("mix(3 dry)", "The chain has 'dry' at character 7; expected : after the weight"),
        ("mix(101: dry)", "mix: weight is 101.0; expected a number from -100 to 100."),
        ("mix(" * 5 + "dry" + ")" * 5, "mixes within mixes 5 deep; expected at most 4."),
        ("mix(" * 3000, "The chain has 12,000 characters; expected at most 10,000."),
        (" | ".join(["gain 0"] * 65), "The chain has more than 64 effects."),
    ],
)
def test_a_chain_that_cannot_be_read_is_refused_with_the_word_and_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_chain(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "The chain is no JSON"),
        ("[" * 9000, "The chain is no JSON"),
        ("{}", "the chain is {}; expected a list."),
        ("[3]", 'the chain[0] is 3; expected an object such as {"effect": "reverb"}.'),
        ('[{"effect": "foo"}]', "There is no effect 'foo'."),
        ('[{"effect": "gain"}]', "gain: gain_db is missing"),
        ('[{"effect": "gain", "gain_db": "3"}]', "gain: gain_db is '3'; expected a number"),
        ('[{"effect": "gain", "gain_db": NaN}]', "gain: gain_db is nan; expected a number"),
        ('[{"effect": "gain", "gain_db": true}]', "gain: gain_db is True; expected a number"),
        ('[{"effect": "mix"}]', "mix: branches is missing"),
        ('[{"effect": "mix", "branches": []}]', "mix: has no chain; expected one or more"),
        ('[{"effect": "mix", "branches": [4]}]', "the chain[0].branches[0] is 4; expected an object"),
        ('[{"effect": "mix", "branches": [{"chain": [], "weight": null}]}]', "mix: weight is None; expected a number"),
    ],
)
def test_json_that_is_no_chain_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        from_json(text)
    assert said in str(refused.value)


@given(st.text(alphabet="gain delay mix(),|:=.-0123456789 dry\n", max_size=60))
def test_any_text_is_a_chain_or_refused_in_a_sentence(text: str) -> None:
    try:
        chain = parse_chain(text)
    except UsageError as refused:
        assert str(refused).endswith((".", ")", "?"))
    else:
        assert parse_chain(write_chain(chain)) == chain


def test_every_field_of_every_effect_has_its_unit_range_and_help() -> None:
    assert len(PLAIN) >= 20
    for kind in PLAIN:
        assert kind.__doc__
        for field in dataclasses.fields(kind):
            assert field.metadata["help"], (kind, field.name)
            if field.type not in (bool, "bool"):
                assert field.metadata["minimum"] > -1000
                assert field.metadata["maximum"] < 1e6
            assert field.default is not REQUIRED or field.name in ("gain_db", "cutoff_hz", "semitones", "length_ratio")
