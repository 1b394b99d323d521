"""What Pachyderm refuses in a spec's inputs."""

from typing import Any

from aeolian.errors import UsageError
from aeolian.platform.specs.cron import parse_schedule
from aeolian.platform.specs.documents import Place
from aeolian.platform.specs.globs import check_template, compile_glob
from aeolian.platform.specs.names import BRANCH, INPUT, PROJECT, REPO, NameRule
from aeolian.platform.specs.problems import Problems, show_value
from aeolian.platform.specs.triggers import parse_size

LEAVES = ("pfs", "cron")
SETS = ("cross", "join", "group", "union")


def check_input(node: dict[str, Any], place: Place, problems: Problems, project: str = "") -> None:
    """Faults of an input and of all within it. What is sound is left with exactly one kind in each node."""
    before = len(problems)
    _check_node(node, place, problems, project)
    if len(problems) == before:
        _check_names(node, place, problems, frozenset())
        _check_s3(node, place, problems, "")


def _check_node(node: dict[str, Any], place: Place, problems: Problems, project: str) -> None:
    for kind in SETS:
        if node.get(kind) == []:  # as protobuf has it, a list without members is not there
            del node[kind]
    kinds = [kind for kind in (*LEAVES, *SETS) if kind in node]
    if len(kinds) != 1:
        have = " and ".join(kinds) or "no input set"
        problems.add(place, f"{'has ' * bool(kinds)}{have}; exactly one of {', '.join((*LEAVES, *SETS))} belongs here")
        return
    (kind,) = kinds
    value, inner = node[kind], (*place, kind)
    if kind == "pfs":
        _check_pfs(value, inner, problems)
    elif kind == "cron":
        _check_cron(value, inner, problems, project)
    else:
        for index, part in enumerate(value):
            _check_node(part, (*inner, index), problems, project)


def _check_pfs(value: dict[str, Any], place: Place, problems: Problems) -> None:
    if not value.get("repo"):
        problems.add(place, "lacks repo")
    if value.get("commit"):
        problems.add((*place, "commit"), "an input follows a branch; a fixed commit is refused by Pachyderm too")
    if value.get("repo") == "out" and not value.get("name"):
        problems.add(place, "its name would be /pfs/out, where the output goes; give it another `name`")
    else:
        _check_name(value, "name", INPUT, place, problems)
    for field, rule in (("repo", REPO), ("branch", BRANCH), ("project", PROJECT)):
        _check_name(value, field, rule, place, problems)
    if value.get("repo_type", "user") not in ("", "user"):
        problems.add((*place, "repo_type"), "there are user repos alone")
    _check_glob(value, place, problems)
    for field in ("join_on", "group_by"):
        _try(lambda field=field: check_template(value.get(field, "")), (*place, field), problems)
    if "trigger" in value:
        _check_trigger(value["trigger"], value.get("branch", ""), (*place, "trigger"), problems)


def _check_glob(value: dict[str, Any], place: Place, problems: Problems) -> None:
    glob = value.get("glob", "")
    if value.get("s3") and (glob != "/" or value.get("lazy") or value.get("empty_files")):
        problems.add(place, "s3 goes with glob / only, and without lazy and empty_files")
    elif not glob:
        problems.add(place, "lacks glob")
    else:
        _try(lambda: compile_glob(glob), (*place, "glob"), problems)


def _check_cron(value: dict[str, Any], place: Place, problems: Problems, project: str) -> None:
    for field in ("name", "spec"):
        if not value.get(field):
            problems.add(place, f"lacks {field}")
    _check_name(value, "name", INPUT, place, problems)
    _check_name(value, "repo", REPO, place, problems)
    if not value.get("repo") and value.get("name") and not REPO.allows(value["name"]):
        problems.add(
            (*place, "name"), f"its repo would be called <pipeline>_{value['name']}; give it a `repo` of {REPO.words}"
        )
    if value.get("project", "") not in ("", project):
        problems.add((*place, "project"), f"its repo is in the project of its pipeline, {project}")
    if value.get("spec"):
        _try(lambda: parse_schedule(value["spec"]), (*place, "spec"), problems)


def _check_trigger(value: dict[str, Any], branch: str, place: Place, problems: Problems) -> None:
    """`branch` is the input's own: without one it reads a branch of the trigger's."""
    watched = value.get("branch") or ("" if branch else "master")
    if not watched:
        problems.add(place, "lacks branch, the one that it looks at")
    elif watched == branch:
        problems.add((*place, "branch"), "a branch cannot wait for itself")
    _check_name(value, "branch", BRANCH, place, problems)
    for field in ("rate_limit_spec", "cron_spec"):
        if value.get(field):
            _try(lambda field=field: parse_schedule(value[field]), (*place, field), problems)
    if value.get("size"):
        _try(lambda: parse_size(value["size"]), (*place, "size"), problems)
    if value.get("commits", 0) < 0:
        problems.add((*place, "commits"), "cannot be negative")


def _check_name(value: dict[str, Any], field: str, rule: NameRule, place: Place, problems: Problems) -> None:
    if value.get(field) and not rule.allows(value[field]):
        problems.add((*place, field), f"{show_value(value[field])} is no name; one has {rule.words}")


def _try(act: Any, place: Place, problems: Problems) -> None:
    try:
        act()
    except UsageError as error:
        problems.add(place, str(error))


def _check_names(node: dict[str, Any], place: Place, problems: Problems, taken: frozenset[str]) -> frozenset[str]:
    """The names taken so far and below `node`. Inputs of a union are never there together and may share one."""
    ((kind, value),) = node.items()
    if kind in LEAVES:
        name = value.get("name") or value.get("repo", "")
        if name in taken:
            problems.add((*place, kind), f"the name {name!r} is there twice; give one another `name`")
        return taken | {name}
    below = taken
    for index, part in enumerate(value):
        found = _check_names(part, (*place, kind, index), problems, taken if kind == "union" else below)
        below |= found
    return below


def _check_s3(node: dict[str, Any], place: Place, problems: Problems, around: str) -> None:
    ((kind, value),) = node.items()
    if kind in SETS:
        for index, part in enumerate(value):
            _check_s3(part, (*place, kind, index), problems, around if kind == "cross" else kind)
    elif value.get("s3") and around:
        problems.add((*place, kind), f"s3 cannot be inside a {around}")
