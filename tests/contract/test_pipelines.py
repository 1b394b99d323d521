"""One slug names a thing everywhere: spec, image, Dockerfile, container folder, requirements, stage."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aeolian import __version__
from aeolian.stages.options import command

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "pipelines").glob("*.json"))
SCRIPTS = sorted((ROOT / "containers").glob("*/*.py"))
IMAGES = sorted(path.name.removesuffix(".Dockerfile") for path in (ROOT / "dockerfiles").glob("*.Dockerfile"))

# The contract of DESIGN 3.1, restated: users and clusters know these names.
CONTRACT = {
    "mp3-to-wav": ("audio-processed-wav", {"audio-unprocessed": "/*"}, "audio-preprocessor"),
    "midi": ("midi", {"audio-processed-wav": "/*"}, "onsets-and-frames"),
    "transformer-preprocess": ("transformer-preprocess", {"midi": "/*"}, "musictransformer"),
    "music-transformer": ("music-transformer", {"transformer-preprocess": "/"}, "musictransformer"),
    "generate": ("generated-music", {"music-transformer": "/", "seeds": "/*"}, "generate"),
    "render": ("rendered-music", {"generated-music": "/*"}, "generate"),
    "effects": ("finished-music", {"rendered-music": "/*.wav", "chains": "/*"}, "effects"),
}
FLAGS = {
    "convert": {"--input", "--output"},
    "transcribe": {"--input", "--output"},
    "preprocess": {"MIDI_DIR", "OUTPUT_DIR"},
    "train": {
        "--input_path",
        "--save_path",
        "--epochs",
        "--batch_size",
        "--max_seq",
        "--l_r",
        "--num_layers",
        "--load_path",
    },
    "train_transcriber": {
        "--input",
        "--save_path",
        "--size",
        "--steps",
        "--minutes",
        "--hours",
        "--soundfonts",
        "--load_path",
    },
    "generate": {"--load_path", "--inputs", "--length", "--save_path", "--max_seq", "--beam", "--mode"},
    "render": {"--input", "--output"},
    "effects": {"--input", "--output", "--chain", "--chains"},
}


def read(spec: Path) -> dict:
    return json.loads(spec.read_text())


def inputs(node: dict) -> dict[str, str]:
    if "cross" in node:
        return {repo: glob for child in node["cross"] for repo, glob in inputs(child).items()}
    return {node["pfs"]["repo"]: node["pfs"]["glob"]}


def image_slug(spec: dict) -> str:
    slug, version = re.fullmatch(r"aeolian/([a-z-]+):([0-9.]+)", spec["transform"]["image"]).groups()
    assert version == __version__, "specs and package carry one version"
    return slug


def options(stage: str) -> set[str]:
    module = importlib.import_module(f"aeolian.stages.{stage}")
    names = set()
    for parameter in command(module.Config, module.run).params:
        names |= set(parameter.opts) if parameter.param_type_name == "option" else {parameter.name.upper()}
    return names


def test_the_pipelines_are_those_users_know() -> None:
    found = {
        path.stem: (read(path)["pipeline"]["name"], inputs(read(path)["input"]), image_slug(read(path)))
        for path in SPECS
    }
    assert {name: found[name] for name in CONTRACT} == CONTRACT


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_runs_a_script_of_its_image_with_options_that_it_has(path: Path) -> None:
    spec = read(path)
    slug, argv = image_slug(spec), spec["transform"]["cmd"]
    assert argv[0] == "python3"
    script = ROOT / "containers" / slug / argv[1].removeprefix("/src/")
    assert script.is_file()
    flags = {word.partition("=")[0] for word in argv[2:] if word.startswith("--")}
    assert flags <= options(script.stem)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_names_only_its_own_inputs_below_pfs(path: Path) -> None:
    spec = read(path)
    mounted = {match for word in spec["transform"]["cmd"] for match in re.findall(r"/pfs/([^/=]+)", word)}
    assert mounted == set(inputs(spec["input"])) | {"out"}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_only_training_asks_for_a_gpu(path: Path) -> None:
    asks = "gpu" in read(path).get("resource_limits", {})
    assert asks == read(path)["pipeline"]["name"].startswith(("music-transformer", "onsets-and-frames-train"))


def test_every_image_has_its_siblings_and_no_sibling_is_alone() -> None:
    used = {image_slug(read(path)) for path in SPECS}
    folders = {path.parent.name for path in SCRIPTS}
    requirements = {p.stem for p in (ROOT / "requirements").glob("*.txt") if not p.stem.endswith("overrides")} - {"dev"}
    assert set(IMAGES) == used == folders == requirements
    for image in IMAGES:
        dockerfile = (ROOT / "dockerfiles" / f"{image}.Dockerfile").read_text()
        assert f"requirements/{image}.txt" in dockerfile
        assert f"COPY containers/{image} /src" in dockerfile
        assert f'image.version="{__version__}"' in dockerfile
        assert re.findall(r"^USER (.*)$", dockerfile, re.M) == ["1000:1000"], (
            "not root, in numbers that Kubernetes checks"
        )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_entry_point_is_thin_and_runs_the_stage_of_its_name(script: Path) -> None:
    text = script.read_text()
    assert len(text.splitlines()) <= 40
    imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    assert f"aeolian.stages.{script.stem}" in imported
    assert FLAGS[script.stem] <= options(script.stem)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_help_teaches_and_loads_nothing_heavy(script: Path) -> None:
    heavy = "tensorflow keras jax onnxruntime symusic matplotlib soundfile scipy librosa pretty_midi note_seq"
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{str(script)!r}, '--help']\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code\n"
        f"print('LOADED', [m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")
    for flag in FLAGS[script.stem]:
        assert flag in done.stdout


def test_requirements_are_plain_pins_of_one_version_each() -> None:
    versions: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        if path.stem.endswith("overrides"):
            continue
        for line in path.read_text().splitlines():
            name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)==([0-9A-Za-z.]+)", line).groups()
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
