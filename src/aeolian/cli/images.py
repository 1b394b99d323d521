"""`aeolian images`: the container images that spec files name."""

import re
from pathlib import Path

import click

from aeolian import __version__
from aeolian.cli.common import command, warn
from aeolian.errors import UsageError
from aeolian.platform.specs.files import read_specs, spec_files
from aeolian.stages.folders import whole_file

_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)


@command(example="aeolian images pin\naeolian images pin my-pipelines/ --version 0.2.0")
@click.argument("folder", type=click.Path(path_type=Path), default="pipelines")
@click.option("--version", default=__version__, show_default=True, help="The version to write.")
def pin(folder: Path, version: str) -> None:
    """Write one version into every spec: that of all images `aeolian/…`, in a file or the files of a folder.

    Nothing else of a file changes. What has the version already is left as it is.
    """
    if not _TAG.fullmatch(version):
        raise UsageError(f"{version!r} cannot be the version of an image.", remedy="Write it as 0.1.0.")
    for file in spec_files(folder):
        before = file.read_text(encoding="utf-8")
        images = sorted({image for spec in read_specs(file) if (image := spec.transform.image).startswith("aeolian/")})
        text = before
        for image in images:
            text = re.sub(rf"(?<![\w./-]){re.escape(image)}(?![\w.:@/-])", f"{_name(image)}:{version}", text)
        if text != before:
            with whole_file(file) as partial:
                partial.write_text(text, encoding="utf-8")
            warn(f"{file}: {', '.join(images)} → {version}")
        elif images:
            warn(f"{file}: {', '.join(images)}, as it was")


def _name(image: str) -> str:
    """`aeolian/generate:0.1.0@sha256:…` → `aeolian/generate`."""
    return re.split("[:@]", image, maxsplit=1)[0]
