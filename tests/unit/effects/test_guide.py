"""docs/effects.md lists every effect with its values, and every chain that it shows can be read."""

import dataclasses
import re
from pathlib import Path

import pytest

from aeolian.effects import PRESETS, Effect, Mix, parse_chain, read_chain
from aeolian.effects.effect import REQUIRED

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "effects.md").read_text()
SHOWN = re.findall(r'--chain "([^"]+)"', GUIDE) + re.findall(r"^    chain: (.+)$", GUIDE, re.M)


def values(kind: type[Effect]) -> str:
    """The values of an effect, as the guide's table has them."""
    cells = []
    for field in dataclasses.fields(kind):
        if field.type in (bool, "bool"):
            cells.append(f"`{field.name}` {'yes' if field.default else 'no'}")
            continue
        low, high = (f"{field.metadata[end]:,g}" for end in ("minimum", "maximum"))
        default = "" if field.default is REQUIRED else f"{field.default:.3g}, "
        cells.append(f"`{field.name}` {default}{low} to {high}")
    return "; ".join(cells) or "none"


def test_the_table_has_every_effect_with_its_values() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", GUIDE, re.M))
    assert rows == {word: values(kind) for word, kind in Effect.words.items() if kind is not Mix}


def test_the_table_says_which_effects_need_the_whole_sound() -> None:
    said = set(re.findall(r"^\| `(\w+)` \|.*\| whole \|$", GUIDE, re.M))
    assert said == {word for word, kind in Effect.words.items() if kind.whole}


def test_every_preset_is_there_as_it_is() -> None:
    assert PRESETS
    for name, chain in PRESETS.items():
        assert f"| `{name}` | `{chain.replace('|', chr(92) + '|')}` |" in GUIDE


@pytest.mark.parametrize("chain", SHOWN)
def test_a_chain_that_the_guide_shows_can_be_read(chain: str) -> None:
    assert parse_chain(chain).effects


def test_the_guide_shows_chains() -> None:
    assert len(SHOWN) >= 4


@pytest.mark.parametrize("path", sorted((ROOT / "samples" / "chains").iterdir()), ids=lambda path: path.name)
def test_a_chain_of_the_samples_can_be_read(path: Path) -> None:
    assert read_chain(path.read_text()).effects
