"""What images are made of: every licence is known, and GPL parts are where they are needed and said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import sbom  # noqa: E402

IMAGES = sorted(path.name.removesuffix(".Dockerfile") for path in (ROOT / "dockerfiles").glob("*.Dockerfile"))
# Which image may hold what under the GPL. A new entry is a decision.
GPL = {
    "audio-preprocessor": {"ffmpeg (in imageio-ffmpeg)"},
    "effects": set(),
    "generate": {"TimGM6mb.sf2 (in pretty-midi)"},
    "musictransformer": {"TimGM6mb.sf2 (in pretty-midi)"},
    "onsets-and-frames": set(),
}


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_has_a_known_licence(image):
    parts = sbom.components(image)
    assert {name for name, _ in sbom.pinned(image)} <= {part["name"] for part in parts}
    assert [part["name"] for part in parts if part["licence"] in ("unknown", "")] == []


@pytest.mark.parametrize("image", IMAGES)
def test_gpl_parts_are_in_the_images_that_need_them_and_named_in_the_readme(image):
    found = {part["name"] for part in sbom.components(image) if part["licence"].startswith(("GPL", "AGPL"))}
    assert found == GPL[image]
    readme = (ROOT / "README.md").read_text()
    assert all(name.partition(" ")[0] in readme for name in found)
    licences = (
        (ROOT / "dockerfiles" / f"{image}.Dockerfile").read_text().partition('image.licenses="')[2].partition('"')[0]
    )
    assert ("GPL" in licences) == bool(found)


def test_the_bill_is_cyclonedx_and_the_same_each_time():
    parts = sbom.components("generate")
    bill = json.loads(sbom.cyclonedx("generate", "0.1.0", parts))
    assert (bill["bomFormat"], bill["specVersion"], len(bill["components"])) == ("CycloneDX", "1.5", len(parts))
    (numpy,) = [part for part in bill["components"] if part["name"] == "numpy"]
    assert numpy["purl"] == f"pkg:pypi/numpy@{numpy['version']}"
    assert sbom.cyclonedx("generate", "0.1.0", parts) == sbom.cyclonedx("generate", "0.1.0", parts)


def test_the_table_lists_every_package_once():
    done = subprocess.run([sys.executable, "scripts/sbom.py", "--table"], cwd=ROOT, capture_output=True, text=True)
    names = [line[:36].strip() for line in done.stdout.splitlines()]
    assert {name for image in IMAGES for name, _ in sbom.pinned(image)} <= set(names)
    assert len(names) == len(set(names))


def test_the_old_client_is_told_apart_from_newer_fields():
    import check_legacy_client

    taken = set()
    spec = {"input": {"cross": [{"pfs": {"repo": "a", "propagation_spec": {"never": True}}}]}, "other": [1]}
    assert check_legacy_client.without_newer(spec, taken) == {
        "input": {"cross": [{"pfs": {"repo": "a"}}]},
        "other": [1],
    }
    assert taken == {"propagation_spec"}
