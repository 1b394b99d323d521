"""Reads every spec of pipelines/ with python-pachyderm 7.6.0, the last of its line, which knows every field by name.

    make test-legacy-client

Runs in an environment of its own, since that client's protobuf goes with no current TensorFlow. A field of a newer
Pachyderm is taken out before, and said so; any other that the client does not know is an error.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Fields of Pachyderm 2.12 that came after this client.
NEWER = ("propagation_spec",)


def without_newer(value: Any, taken: set[str]) -> Any:
    """`value` without the fields of `NEWER`, whose names go into `taken`."""
    if isinstance(value, list):
        return [without_newer(part, taken) for part in value]
    if not isinstance(value, dict):
        return value
    taken |= value.keys() & set(NEWER)
    return {name: without_newer(part, taken) for name, part in value.items() if name not in NEWER}


def main() -> None:
    """Says of each file whether the client takes it; exit code 1 if it does not take one."""
    from python_pachyderm import parse_json_pipeline_spec

    failed = False
    for path in sorted(Path(sys.argv[1]).glob("*.json")):
        taken: set[str] = set()
        text = json.dumps(without_newer(json.loads(path.read_text(encoding="utf-8")), taken))
        try:
            parse_json_pipeline_spec(text)
        except Exception as error:
            failed = True
            print(f"{path}: {error}")
        else:
            print(f"{path}: ok" + (f", without {', '.join(sorted(taken))}, which is newer" if taken else ""))
    sys.exit(failed)


if __name__ == "__main__":
    main()
