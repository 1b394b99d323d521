"""Queries through the view of commits use the indexes that the tables below it have."""

import pytest

OF_A_BRANCH = "repo = 'r' AND branch = 'b'"


@pytest.mark.parametrize(
    "query",
    [
        f"tree FROM named_commit WHERE {OF_A_BRANCH} AND seq <= 9 AND state = 'finished' ORDER BY seq DESC LIMIT 1",
        f"state FROM named_commit WHERE {OF_A_BRANCH} AND seq = 9",
        "id FROM named_commit WHERE repo_id = 1 AND branch = 'b' AND state = 'finished' ORDER BY seq DESC LIMIT 1",
        "* FROM named_commit WHERE branch_id = 1 AND seq = 9",
        "* FROM named_commit WHERE row = 9",
        "repo, branch FROM named_commit WHERE seq = 9 AND state != 'open'",
        f"tree, id FROM branch_head WHERE {OF_A_BRANCH} AND seq <= 9 AND state != 'open' ORDER BY seq DESC LIMIT 1",
        "tree, id FROM branch_head WHERE branch_id = 1 AND state != 'open' ORDER BY seq DESC LIMIT 1",
    ],
)
def test_a_commit_is_found_without_a_scan_and_without_sorting(bench, query):
    plan = [row["detail"] for row in bench.store.db.all(f"EXPLAIN QUERY PLAN SELECT {query}")]
    assert len(plan) == 4 + ("branch_head" in query)
    assert all(step.startswith("SEARCH") for step in plan), plan
