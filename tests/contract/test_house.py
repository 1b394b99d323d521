"""The house: layers, light imports, a quick command, no machine's paths."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import measure_cpu_s

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HEAVY = [
    *("tensorflow", "keras", "jax", "onnxruntime", "symusic", "matplotlib", "soundfile", "scipy", "librosa"),
    *("pretty_midi", "note_seq", "pydub", "rich"),
]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def loaded_by(statement: str) -> list[str]:
    code = f"import sys\n{statement}\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    return ast_list(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def ast_list(printed: str) -> list[str]:
    return re.findall(r"'(\w+)'", printed.splitlines()[-1])


def test_the_layers_hold() -> None:
    done = subprocess.run([BIN / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    "module", ["aeolian", "aeolian.music.codec", "aeolian.engine", "aeolian.stages", "aeolian.cli.main"]
)
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["generate", "--help"], ["transcribe", "--help"], ["put", "file", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    statement = (
        f"sys.argv = ['aeolian', *{arguments!r}]\n"
        "from aeolian.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code"
    )
    assert loaded_by(statement) == []


def test_aeolian_help_costs_hardly_more_than_click() -> None:
    """The start of Python with click, measured beside it, is what cannot be saved; it takes a tenth of a second."""
    least_s = measure_cpu_s([sys.executable, "-c", "import click"])
    assert measure_cpu_s([BIN / "aeolian", "--help"]) < 2 * least_s


def test_no_path_of_a_machine_and_no_registry_in_what_is_tracked() -> None:
    forbidden = re.compile(
        "|".join(["/wo" + "rk/main", "python" + "hosted", "py" + r"pi\.org", "registry\\.npm" + "js"])
    )
    found = []
    for path in tracked():
        if path.suffix in {".mp3", ".mid", ".png", ".safetensors"}:
            continue
        if forbidden.search(path.read_text(encoding="utf-8", errors="replace")):
            found.append(path.name)
    assert found == []


def test_nothing_large_and_no_pickle_is_tracked() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > 12 << 20] == []
    sources = [path for path in tracked() if path.suffix == ".py" and "tests" not in path.parts]
    assert [p.name for p in sources if re.search(r"^\s*(import|from) pickle|shell=True", p.read_text(), re.M)] == []


def test_nothing_asks_for_the_umask() -> None:
    """To ask is to set it: a file that another thread makes meanwhile is open to all."""
    sources = [path for path in (ROOT / "src").rglob("*.py") if "os.umask(" in path.read_text()]
    assert sources == []
