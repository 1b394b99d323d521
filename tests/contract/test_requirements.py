"""What an image installs is what the code in it imports: no less, and nothing else."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted(path.name for path in (ROOT / "containers").iterdir())
OWNERS = packages_distributions()
# Installed for a file in the wheel alone: the soundfont, Basic Pitch's weights.
FOR_THEIR_DATA = {
    "generate": {"pretty-midi"},
    "musictransformer": {"pretty-midi"},
    "onsets-and-frames": {"basic-pitch"},
}
# Imported where it is installed: JAX in TensorFlow's place, ffmpeg for recordings that libsndfile cannot read whole.
INSTEAD = {
    "musictransformer": {"jax", "imageio-ffmpeg"},
    "onsets-and-frames": {"imageio-ffmpeg"},
    "effects": {"imageio-ffmpeg"},
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_by(path: Path) -> Iterator[str]:
    """Every module that the file may import, inside functions too, but for what only type checkers see."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def own_files(module: str) -> Iterator[Path]:
    """The files of `aeolian` that run when `module`, or a name in it, is imported."""
    words = module.split(".")
    for i in range(1, len(words) + 1):
        path = ROOT.joinpath("src", *words[:i])
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())


def distributions_of(image: str) -> set[str]:
    """The packages that the image's scripts, and all of ours that they lead to, can import."""
    waiting, seen, found = list((ROOT / "containers" / image).glob("*.py")), set(), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in imported_by(path):
            top = module.partition(".")[0]
            if top == "aeolian":
                waiting.extend(own_files(module))
            elif top not in sys.stdlib_module_names:
                found |= {normal(name) for name in OWNERS[top]}
    assert len(seen) > 10
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_asks_for_what_its_code_imports_and_nothing_else(image: str) -> None:
    lines = (ROOT / "requirements" / f"{image}.in").read_text().splitlines()
    asked = {normal(line) for line in lines if not line.startswith("#")}
    assert asked == distributions_of(image) - INSTEAD.get(image, set()) | FOR_THEIR_DATA.get(image, set())


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_asked_for_is_pinned(image: str) -> None:
    lines = (ROOT / "requirements" / f"{image}.in").read_text().splitlines()
    pinned = {normal(line.partition("==")[0]) for line in (ROOT / "requirements" / f"{image}.txt").read_text().split()}
    assert {normal(line) for line in lines if not line.startswith("#")} <= pinned
