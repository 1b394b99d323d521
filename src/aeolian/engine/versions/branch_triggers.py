"""Branches whose head moves by itself: to that of another branch of their repo, when enough has come there.

Enough is so many commits or bytes since the head that the branch has, or a schedule that ticked since (any of these, or
with `all` every one), or the time of a schedule that commits do not set off. What follows from the move runs under an
id of its own.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from aeolian.engine.storage.store import Store
from aeolian.engine.versions.references import Commit, ancestors, closed_head
from aeolian.engine.versions.repos import branch_id, check_name, repo_id
from aeolian.engine.versions.revisions import move_head, new_set
from aeolian.engine.versions.triggers import trigger
from aeolian.errors import UsageError
from aeolian.platform.records import BranchTrigger
from aeolian.platform.specs.cron import parse_schedule
from aeolian.platform.specs.triggers import Trigger

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)


def as_rule(trigger: Trigger) -> BranchTrigger:
    """Return the trigger of a spec's input as that of a branch."""
    size = str(trigger.size_bytes) if trigger.size_bytes else ""
    return BranchTrigger(trigger.branch, size, trigger.commits, trigger.cron_spec, trigger.all, trigger.rate_limit_spec)


def check_trigger(store: Store, repo: str, branch: str, rule: BranchTrigger) -> None:
    """Raise `UsageError` for a trigger that can never be, or that leads back to its own branch."""
    if not rule.branch:
        raise UsageError("A condition needs the branch that it is about.", remedy="Name it with --trigger BRANCH.")
    check_name("branch", rule.branch)
    if rule.size:
        parse_size(rule.size)
    if rule.commits < 0:
        raise UsageError(f"{rule.commits} commits cannot be waited for.", remedy="--trigger-commits takes 1 and more.")
    if rule.cron_spec:
        parse_schedule(rule.cron_spec)
    rules, at = read_triggers(store, repo), rule.branch
    while at != branch and at in rules:
        at = rules[at].branch
    if at == branch:
        raise UsageError("Triggers cannot form a loop.", remedy="Let the branch follow one that does not follow it.")


def parse_size(text: str) -> int:
    """Return the bytes in `512`, `10K`, `100M` or `1.5GB`: thousands, as on a cluster. Raises `UsageError`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no size.", remedy="Write it as 512, 10K, 100M or 1.5G.")
    return int(float(found[1]) * 1000 ** " kmgtp".index(found[2].lower() or " "))


def write_trigger(rule: BranchTrigger | None) -> str:
    """Return a trigger as the table of branches keeps it, "" for none."""
    return json.dumps(asdict(rule)) if rule else ""


def read_triggers(store: Store, repo: str) -> dict[str, BranchTrigger]:
    """Return the triggers of a repo's branches, by branch."""
    rows = store.db.all(
        "SELECT name, fires FROM branch WHERE repo_id = ? AND fires != '' AND name IS NOT NULL ORDER BY name",
        repo_id(store, repo),
    )
    return {row["name"]: BranchTrigger(**json.loads(row["fires"])) for row in rows}


def fire(store: Store, repo: str, changed: str) -> list[str]:
    """Move the branches that a closed commit on the branch `changed` sets off; return the pipelines that get a job."""
    rules = read_triggers(store, repo)
    if not rules:
        return []

    def is_set_off(rule: BranchTrigger, old: Commit | None, new: Commit) -> bool:
        return not rule.cron_spec and _is_enough(store, rule, old, new)

    return _move(store, repo, rules, {changed}, is_set_off)


def fire_due(store: Store, now: datetime) -> list[str]:
    """Move the branches whose schedule has come; return the pipelines that get a job."""
    planned = []
    for row in store.db.all("SELECT DISTINCT o.name FROM branch b JOIN repo o ON o.id = b.repo_id WHERE b.fires != ''"):
        rules = {name: rule for name, rule in read_triggers(store, row["name"]).items() if rule.cron_spec}
        due = {name: rule for name, rule in rules.items() if _is_due(store, row["name"], name, rule, now)}
        with store.db.transaction():
            changed = {rule.branch for rule in due.values()}
            planned += _move(store, row["name"], due, changed, lambda rule, old, new: True)
    return planned


def _move(
    store: Store,
    repo: str,
    rules: dict[str, BranchTrigger],
    changed: set[str],
    is_set_off: Callable[[BranchTrigger, Commit | None, Commit], bool],
) -> list[str]:
    """Move branches after those that changed, and others after these, under one id."""
    moved: dict[str, int] = {}
    changed = set(changed)
    while True:
        ready = [name for name, rule in rules.items() if name not in moved and rule.branch in changed]
        fired = {}
        for name in ready:
            old, new = _heads(store, repo, name, rules[name].branch)
            if new and (old is None or old.row != new.row) and is_set_off(rules[name], old, new):
                fired[name] = new
        if not fired:
            break
        seq = next(iter(moved.values()), 0) or new_set(store, own=True)
        for name, new in fired.items():
            branch = branch_id(store, repo, name)
            assert branch is not None
            move_head(store, branch, seq, new.row)
            moved[name] = seq
        changed = set(fired)
    return trigger(store, seq, [(repo, name) for name in moved]) if moved else []


def _heads(store: Store, repo: str, branch: str, other: str) -> tuple[Commit | None, Commit | None]:
    rows = [branch_id(store, repo, name) for name in (branch, other)]
    old, new = (closed_head(store, row) if row is not None else None for row in rows)
    return old, new


def _is_enough(store: Store, rule: BranchTrigger, old: Commit | None, new: Commit) -> bool:
    terms = []
    if rule.size:
        before = store.trees.totals(old.tree)[1] if old else 0
        terms.append(store.trees.totals(new.tree)[1] - before >= parse_size(rule.size))
    if rule.commits:
        since = ancestors(store, new, until=old.row if old else None, limit=rule.commits + 1)
        made = [commit for commit in since if commit.parent is not None or commit.origin != "auto"]
        terms.append(len(made) >= rule.commits)
    if rule.rate_limit_spec:
        since_then = (datetime.fromtimestamp(moment, UTC) for moment in (old.created if old else 0, new.created))
        terms.append(parse_schedule(rule.rate_limit_spec).last(*since_then) is not None)
    return all(terms) if rule.all else any(terms)


def _is_due(store: Store, repo: str, branch: str, rule: BranchTrigger, now: datetime) -> bool:
    row = store.db.one(
        "SELECT coalesce(max(r.created), b.created) AS since FROM branch b LEFT JOIN revision r ON r.branch_id = b.id"
        " WHERE b.id = ?",
        branch_id(store, repo, branch),
    )
    since = datetime.fromtimestamp(row["since"] if row else 0, UTC)
    return parse_schedule(rule.cron_spec).last(since, now) is not None
