"""Names and addresses as the SDK's messages have them, and messages as dictionaries."""

from typing import Any

import betterproto
from pachyderm_sdk.api import pfs, pps

from aeolian.platform.addresses import ID, ID_LENGTH, Address, parse_reference
from aeolian.platform.specs.names import split_name

USER = "user"


def as_message(answer: Any) -> dict[str, Any]:
    """Return an answer as protobuf's JSON with snake_case names has it."""
    found: dict[str, Any] = answer.to_dict(casing=betterproto.Casing.SNAKE)
    return found


def project_of(name: str) -> Any:
    """Return a project by its name."""
    return pfs.Project(name=name)


def repo_of(name: str) -> Any:
    """Return a repo by its full name."""
    project, own = split_name(name)
    return pfs.Repo(name=own, type=USER, project=project_of(project))


def branch_of(address: Address) -> Any:
    """Return the branch at `address`."""
    return pfs.Branch(repo=repo_of(address.repo), name=address.reference)


def commit_of(address: Address) -> Any:
    """Return the commit at `address`: a whole id, a branch's head, or an ancestor of one."""
    repo, reference = repo_of(address.repo), address.reference
    name, steps = parse_reference(reference)
    if steps or (len(name) == ID_LENGTH and ID.fullmatch(name)):
        return pfs.Commit(repo=repo, id=reference)
    return pfs.Commit(repo=repo, branch=pfs.Branch(repo=repo, name=reference))


def file_of(address: Address) -> Any:
    """Return the file at `address`."""
    return pfs.File(commit=commit_of(address), path=address.path)


def pipeline_of(name: str) -> Any:
    """Return a pipeline by its full name."""
    project, own = split_name(name)
    return pps.Pipeline(project=project_of(project), name=own)


def job_of(pipeline: str, id_: str) -> Any:
    """Return a job by its pipeline's full name and its id."""
    return pps.Job(pipeline=pipeline_of(pipeline), id=id_)
