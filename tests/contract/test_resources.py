"""docs/resources.md says of each spec what the spec says."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "pipelines").glob("*.json"))
ROWS = {
    match[1]: [cell.strip() for cell in match[2].split("|")]
    for match in re.finditer(r"^\| `([\w-]+\.json)` \|(.*)\|$", (ROOT / "docs" / "resources.md").read_text(), re.M)
}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_table_has_every_spec_with_its_own_figures(path):
    spec = json.loads(path.read_text())
    *_, request, limit, timeout = ROWS[path.name]
    assert request == spec.get("resource_requests", {}).get("memory", "")
    assert limit == spec.get("resource_limits", {}).get("memory", "")
    assert timeout == spec.get("datum_timeout", "")


def test_the_table_has_no_other():
    assert set(ROWS) == {path.name for path in SPECS}
