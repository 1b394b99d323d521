"""Projects: a repo or pipeline of the project `default` has a plain name, one of another project `project/name`."""

import time

from aeolian.engine.storage.store import Store
from aeolian.errors import UsageError
from aeolian.platform.records import Project
from aeolian.platform.specs.names import DEFAULT_PROJECT, PROJECT, split_name


def create_project(store: Store, name: str, description: str = "") -> None:
    """Make a project. Raises `UsageError` if the name is taken or cannot be one."""
    if not PROJECT.allows(name):
        raise UsageError(f"{name!r} cannot name a project.", remedy=f"A name has {PROJECT.words}.")
    with store.db.transaction():
        if has_project(store, name):
            raise UsageError(f"project {name} already exists.", remedy="See `aeolian list project`.")
        store.db.run("INSERT INTO project VALUES (?, ?, ?)", name, description, time.time())


def update_project(store: Store, name: str, description: str) -> None:
    """Change what a project is for. Raises `UsageError` if there is none of that name."""
    with store.db.transaction():
        inspect_project(store, name)
        store.db.run("INSERT OR IGNORE INTO project VALUES (?, '', ?)", name, time.time())
        store.db.run("UPDATE project SET description = ? WHERE name = ?", description, name)


def delete_project(store: Store, name: str, *, force: bool = False) -> None:
    """Remove an empty project, or with `force` one with all that it holds. Raises `UsageError` if it is not empty."""
    with store.db.transaction():
        inspect_project(store, name)
        if name == DEFAULT_PROJECT:
            raise UsageError("The project default stays.", remedy="Remove its repos with `aeolian delete repo --all`.")
        start, end = f"{name}/", f"{name}0"  # 0 comes after / in ASCII
        held = store.db.all("SELECT name FROM repo WHERE name >= ? AND name < ? ORDER BY name", start, end)
        if held and not force:
            names = ", ".join(split_name(row["name"])[1] for row in held)
            raise UsageError(f"project {name} holds {names}.", remedy="Delete that first, or all of it with --force.")
        store.db.run("DELETE FROM pipeline WHERE name >= ? AND name < ?", start, end)
        store.db.run("DELETE FROM repo WHERE name >= ? AND name < ?", start, end)
        store.db.run("DELETE FROM project WHERE name = ?", name)


def list_projects(store: Store) -> list[Project]:
    """Return every project, `default` first, then by name."""
    rows = store.db.all("SELECT name, description, created FROM project ORDER BY name")
    found = {row["name"]: Project(**row) for row in rows}
    default = found.pop(DEFAULT_PROJECT, None) or Project(DEFAULT_PROJECT, "", _age(store))
    return [default, *found.values()]


def inspect_project(store: Store, name: str) -> Project:
    """Return one project. Raises `UsageError` if there is none of that name."""
    found = next((project for project in list_projects(store) if project.name == name), None)
    if found is None:
        raise UsageError(f"project {name!r} not found.", remedy=f"Make it with `aeolian create project {name}`.")
    return found


def has_project(store: Store, name: str) -> bool:
    """Return whether there is a project of that name: `default` always is."""
    return name == DEFAULT_PROJECT or store.db.one("SELECT 1 FROM project WHERE name = ?", name) is not None


def _age(store: Store) -> float:
    """Return when the store's first repo was made, in seconds since 1970."""
    row = store.db.one("SELECT min(created) AS first FROM repo")
    return float(row["first"]) if row and row["first"] is not None else time.time()
