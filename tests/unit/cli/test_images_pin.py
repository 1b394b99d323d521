"""`aeolian images pin` writes one version into every spec, and changes nothing else."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from aeolian import __version__
from aeolian.cli.main import main
from aeolian.platform.specs.files import read_specs


def pin(*words):
    return CliRunner().invoke(main, ["images", "pin", *map(str, words)])


def test_the_specs_of_the_project_have_the_version_already(root, tmp_path):
    folder = tmp_path / "pipelines"
    shutil.copytree(root / "pipelines", folder)
    done = pin(folder)
    assert done.exit_code == 0
    assert done.stderr.count("as it was") == len(list(folder.iterdir()))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        path.name: path.read_text() for path in (root / "pipelines").iterdir()
    }


def test_a_version_is_written_into_every_spec_and_nothing_else_changes(root, tmp_path):
    folder = tmp_path / "pipelines"
    shutil.copytree(root / "pipelines", folder)
    done = pin(folder, "--version", "9.9.9-rc.1")
    assert done.exit_code == 0, done.stderr
    for path in folder.iterdir():
        was = (root / "pipelines" / path.name).read_text()
        assert path.read_text() == was.replace(f":{__version__}", ":9.9.9-rc.1")
    assert {spec.transform.image.partition(":")[2] for spec in read_specs(folder)} == {"9.9.9-rc.1"}


def test_images_of_others_digests_and_tagless_names(tmp_path):
    spec = tmp_path / "p.yaml"
    text = (
        "# aeolian/a:1, as it was\n"
        "pipeline: {name: p}\n"
        "transform: {image: 'aeolian/a:1@sha256:00', cmd: [run, aeolian/a:1]}\n"
        "input: {pfs: {repo: r, glob: /}}\n"
        "---\n"
        "pipeline: {name: q}\n"
        "transform: {image: aeolian/b, cmd: [run, registry/aeolian/b, aeolian/bb]}\n"
        "input: {pfs: {repo: r, glob: /}}\n"
        "---\n"
        "pipeline: {name: s}\n"
        "transform: {image: 'someone/aeolian:1', cmd: [run]}\n"
        "input: {pfs: {repo: r, glob: /}}\n"
    )
    spec.write_text(text)
    assert pin(spec, "--version", "2").exit_code == 0
    assert spec.read_text() == text.replace("aeolian/a:1@sha256:00", "aeolian/a:2").replace(
        "image: aeolian/b,", "image: aeolian/b:2,"
    )


@pytest.mark.parametrize("version", ["", "a b", "1:2", "../x", "-1"])
def test_what_cannot_be_a_version_is_refused(tmp_path, version):
    done = pin(tmp_path, "--version", version)
    assert done.exit_code == 2
    assert "cannot be the version" in done.stderr


def test_a_folder_without_specs(tmp_path):
    done = pin(tmp_path)
    assert done.exit_code == 2
    assert "holds no pipeline spec" in done.stderr
    assert "There is no pipeline spec" in pin(Path("nowhere")).stderr
