"""A store, and short words for what the engine's tests do to it."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from aeolian.engine.jobs.records import Job, list_jobs
from aeolian.engine.jobs.scheduler import Outcome, Runner
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import files, pipelines, repos
from aeolian.engine.versions.commits import Commit, resolve
from aeolian.platform.addresses import Address, parse_address
from aeolian.platform.sources.selection import Item, select
from aeolian.platform.specs.files import parse_documents
from aeolian.platform.specs.spec import Spec, parse


def spec_of(document: dict[str, Any]) -> Spec:
    return parse(parse_documents(json.dumps(document), "test.json")[0])


@dataclass
class Bench:
    store: Store
    folder: Path

    def repo(self, *names: str) -> None:
        for name in names:
            repos.create_repo(self.store, name)

    def put(self, repo: str, contents: dict[str, str | bytes], branch: str = "master") -> Commit:
        items = [
            Item(BytesIO(data.encode() if isinstance(data, str) else data), f"/{path}")
            for path, data in contents.items()
        ]
        return files.put_files(self.store, repo, branch, items).commit

    def put_folder(self, address: str, *sources: Path) -> files.Put:
        """Put folders and files of this machine, as `put file -r` does."""
        place = parse_address(address)
        found = select([str(source) for source in sources], place, recursive=True)
        return files.put_files(self.store, place.repo, place.reference, found.items)

    def delete(self, repo: str, path: str) -> None:
        files.delete_path(self.store, Address(repo, "master", path), recursive=True)

    def spec(self, name: str, cmd: list[str], source: dict[str, Any] | str, glob: str = "/*", **more: Any) -> Spec:
        inputs = {"pfs": {"repo": source, "glob": glob}} if isinstance(source, str) else source
        transform = {"cmd": cmd, **more.pop("transform", {})}
        return spec_of({"pipeline": {"name": name}, "transform": transform, "input": inputs, "datum_tries": 1} | more)

    def pipeline(self, *values: Any, source: Path | None = None, update: bool | None = None, **more: Any) -> None:
        pipelines.create_pipelines(self.store, [self.spec(*values, **more)], source=source, update=update)

    def run(self, **options: Any) -> Outcome:
        return Runner(self.store, **options).run()

    def contents(self, repo: str, reference: str = "master") -> dict[str, str]:
        tree = resolve(self.store, Address(repo, reference)).tree
        return {
            entry.path[1:]: b"".join(self.store.objects.read(entry.object)).decode()
            for entry in self.store.trees.entries(tree)
        }

    def job(self, pipeline: str) -> Job:
        return list_jobs(self.store, pipeline=pipeline)[0]


# Writes each input file's text in capitals under its own name.
UPPER = [
    "python3",
    "-Sc",
    "import os; p = os.environ['songs']; t = open(p).read(); open(os.environ['OUT'] + "
    "os.path.basename(p), 'w').write(t.upper())",
]
OUT = {"env": {"OUT": "/pfs/out/"}}


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-ec", script]
