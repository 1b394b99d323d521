"""What a pipeline runs, as one hash: command, image, environment, and the files of its program.

Pachyderm hashes none of this, so that a new program there reprocesses nothing until told to. Here a changed program
is a changed datum. Files outside the pipeline's folder count too where `AEOLIAN_CODE` named them when it was made.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aeolian.engine.storage.stamps import Stamps
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.catalog import Pipeline
from aeolian.errors import UsageError
from aeolian.platform.specs.spec import Spec

CODE_VARIABLE = "AEOLIAN_CODE"
_BLOCK_BYTES = 1024 * 1024
_NOT_CODE = ("__pycache__",)


def source_folder(spec: Spec, given: Path | None = None) -> Path | None:
    """The folder that is /src: `given`, or `containers/<image>` beside the folder of the spec file, if there is one.

    Raises `UsageError` if `given` is no folder.
    """
    if given is not None:
        if not given.is_dir():
            raise UsageError(
                f"{given} is no folder.", remedy="--source takes the folder that the program sees as /src."
            )
        return given.resolve()
    if spec.file is None or not spec.transform.image:
        return None
    folder = spec.file.absolute().parent.parent / "containers" / image_slug(spec.transform.image)
    return folder.resolve() if folder.is_dir() else None


def further_code() -> tuple[Path, ...]:
    """The files and folders that `AEOLIAN_CODE` names: recorded when a pipeline is made, and counted from then on."""
    named = os.environ.get(CODE_VARIABLE, "").split(os.pathsep)
    return tuple(Path(part).resolve() for part in named if part)


def image_slug(image: str) -> str:
    """`registry.example:5000/aeolian/generate:0.1.0@sha256:…` → `generate`."""
    return re.sub(r"[:@].*", "", image.rpartition("/")[2])


def program_hash(store: Store, pipeline: Pipeline, image: str = "") -> str:
    """64 hexadecimal digits that change whenever what the pipeline runs changes.

    With the digest of an image that holds the program, that stands for the files of this machine.
    """
    spec = pipeline.spec
    parts: dict[str, Any] = {"transform": _transform(spec), "salt": spec.salt}
    if image:
        return hashlib.sha256(json.dumps(parts | {"image": image}, sort_keys=True).encode()).hexdigest()
    roots = [*([pipeline.source] if pipeline.source else []), *pipeline.code]
    parts["files"] = [[_tree_hash(store, root)] for root in roots]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _transform(spec: Spec) -> dict[str, Any]:
    """What counts of a transform; which secrets and user it wants only if it wants any, so that other hashes stay."""
    parts = asdict(spec.transform)
    return {name: part for name, part in parts.items() if part or name not in ("secrets", "user")}


def _tree_hash(store: Store, root: Path) -> str:
    """A hash over names and contents below `root`. A file that did not change since is not read again."""
    if not root.exists():
        raise UsageError(
            f"The program folder {root} is gone.", remedy="Update the pipeline with --source, or see AEOLIAN_CODE."
        )
    digest, stamps = hashlib.sha256(), Stamps(store, str(root))
    for path in _files(root):
        status = path.stat()
        content = stamps.content(str(path), status)
        if content is None:
            content = _file_hash(path)
            stamps.learn(str(path), status, content)
        digest.update(f"{path.relative_to(root)}\0{content}\n".encode("utf-8", "surrogateescape"))
    stamps.save()
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _NOT_CODE and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.endswith(".pyc") and path.is_file():
                yield path


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
