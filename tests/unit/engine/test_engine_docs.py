"""docs/engine.md lists every field, and says of each what the code says."""

import pytest

from aeolian.platform.specs.fields import MESSAGES, NOT_APPLIED


@pytest.mark.parametrize("message", ["CreatePipelineRequest", "Transform", "PfsInput", "CronInput"])
def test_every_field_is_in_the_table(root, message):
    text = (root / "docs" / "engine.md").read_text()
    for field in MESSAGES[message]:
        rows = [line for line in text.splitlines() if line.startswith(f"| `{field}` |")]
        assert rows, field
        reason = NOT_APPLIED.get((message, field))
        if reason:
            assert any(f"**not applied**: {reason}" in row for row in rows), field
