"""Pipelines, jobs, datums and logs of a pachd."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pachyderm_sdk.api import pps

from aeolian.cluster import messages
from aeolian.cluster.connection import Connection, NotThere
from aeolian.cluster.naming import as_message, commit_of, job_of, pipeline_of, project_of, repo_of
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID, ID_LENGTH, Address
from aeolian.platform.protocol import Change, LogQuery, Wanted
from aeolian.platform.records import Datum, Job, LogLine, Pipeline
from aeolian.platform.specs.arguments import set_arguments
from aeolian.platform.specs.names import full_name, split_name
from aeolian.platform.specs.order import pipeline_order
from aeolian.platform.specs.spec import Spec

_LOOK_S = 0.5
_ALL_VERSIONS = -1


class ClusterPipelines:
    """What `platform.protocol.Pipelines` asks, of a pachd."""

    _pachd: Connection
    project: str

    def create_pipelines(self, specs: Sequence[Spec], wanted: Wanted) -> list[Change]:
        """Make or change pipelines, upstream first, one by one: what stands before a fault is made."""
        if wanted.source is not None:
            raise UsageError("--source is for this machine alone.", remedy="On a cluster /src is what the image holds.")
        if wanted.secrets:
            raise UsageError(
                "--secret is for this machine alone.", remedy="Make it there: aeolian create secret -f FILE"
            )
        by_name = {full_name(spec.name, self.project): spec for spec in specs}
        order = pipeline_order({name: {part.repo for part in spec.inputs()} for name, spec in by_name.items()})
        return [self._create(name, by_name[name], set(by_name), wanted) for name in order]

    def _create(self, name: str, spec: Spec, together: set[str], wanted: Wanted) -> Change:
        document = self.complete(spec, wanted.arguments.get(spec.name, ()))
        before = self._find(name) if wanted.update is None else None
        if before is not None and _is_same(before.spec, document) and before.state not in ("failure", "crashing"):
            return Change(name, "unchanged", spec)
        new_repos = self._make_repos(document, together) if wanted.make_repos and not wanted.dry_run else ()
        update = wanted.update if wanted.update is not None else before is not None
        self._pachd.call(
            self._pachd.pps.create_pipeline_v2,
            create_pipeline_request_json=json.dumps(document, ensure_ascii=False),
            dry_run=wanted.dry_run,
            update=bool(update),
            reprocess=wanted.reprocess,
        )
        return Change(name, "updated" if update else "created", replace(spec, document=document), new_repos)

    def complete(self, spec: Spec, arguments: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """Return a spec's document with its project, and with flags of its command set."""
        document = json.loads(json.dumps(spec.document))
        document["pipeline"] = {"project": {"name": self.project}} | document["pipeline"]
        if arguments:
            document["transform"]["cmd"] = list(set_arguments(spec.transform.cmd, tuple(arguments)))
        return dict(document)

    def _make_repos(self, document: Mapping[str, Any], together: set[str]) -> tuple[str, ...]:
        made = []
        project = document["pipeline"]["project"]["name"]
        for part in messages.list_inputs(document.get("input", {})):
            name = full_name(part["repo"], project)
            if part.get("repo") and "spec" not in part and name not in together and not self._has_repo(name):
                self._pachd.call(self._pachd.pfs.create_repo, repo=repo_of(name))
                made.append(name)
        return tuple(made)

    def _has_repo(self, name: str) -> bool:
        try:
            self._pachd.call(self._pachd.pfs.inspect_repo, repo=repo_of(name))
        except NotThere:
            return False
        return True

    def _find(self, name: str) -> Pipeline | None:
        try:
            return self.inspect_pipeline(name)
        except NotThere:
            return None

    def list_pipelines(self, names: Iterable[str] | None = None, *, history: int = 0) -> list[Pipeline]:
        """Return the pipelines of the project, or those of these names, upstream first, with earlier versions."""
        chosen = None if names is None else list(names)
        fields: list[dict[str, Any]] = [{"projects": [project_of(self.project)]}]
        if chosen is not None:
            fields = [{"pipeline": pipeline_of(name)} for name in chosen]
        found = [
            as_message(each)
            for choice in fields
            for each in self._pachd.stream(self._pachd.pps.list_pipeline, details=True, history=history, **choice)
        ]
        if chosen is not None and not found:
            raise UsageError(f"pipeline {chosen[0]!r} not found.", remedy="See `aeolian list pipeline`.")
        versions: dict[str, list[dict[str, Any]]] = {}
        for message in found:
            versions.setdefault(messages.name_of(message["pipeline"]), []).append(message)
        inputs = {
            name: {part["repo"] for part in messages.list_inputs(of_name[0].get("details", {}).get("input", {}))}
            for name, of_name in versions.items()
        }
        last = {name: self._last_job(name) for name in versions}
        return [
            messages.make_pipeline(message, last[name]) for name in pipeline_order(inputs) for message in versions[name]
        ]

    def inspect_pipeline(self, pipeline: str) -> Pipeline:
        """Return one pipeline."""
        found = self._pachd.call(self._pachd.pps.inspect_pipeline, pipeline=pipeline_of(pipeline), details=True)
        return messages.make_pipeline(as_message(found), self._last_job(pipeline))

    def _last_job(self, pipeline: str) -> Job | None:
        return next(iter(self.list_jobs(pipeline=pipeline, history=_ALL_VERSIONS, limit=1)), None)

    def delete_pipeline(self, pipeline: str, *, force: bool, keep_repo: bool) -> None:
        """Remove a pipeline, its jobs and what it made."""
        self.inspect_pipeline(pipeline)
        self._pachd.call(
            self._pachd.pps.delete_pipeline, pipeline=pipeline_of(pipeline), force=force, keep_repo=keep_repo
        )

    def delete_pipelines(self, *, keep_repo: bool) -> list[str]:
        """Remove every pipeline of the project; return their names."""
        answer = self._pachd.call(
            self._pachd.pps.delete_pipelines, projects=[project_of(self.project)], keep_repo=keep_repo
        )
        return [messages.name_of(as_message(each)) for each in answer.pipelines]

    def run_pipeline(self, pipeline: str) -> None:
        """Run a pipeline on its inputs as they are: what failed or changed is redone."""
        self.rerun_pipeline(pipeline, reprocess=False)

    def rerun_pipeline(self, pipeline: str, *, reprocess: bool) -> None:
        """Run a pipeline as a new version of the same spec."""
        self._pachd.call(self._pachd.pps.rerun_pipeline, pipeline=pipeline_of(pipeline), reprocess=reprocess)

    def stop_pipeline(self, pipeline: str) -> int:
        """End a pipeline's jobs, and let it have none; return how many were ended."""
        running = [job for job in self.list_jobs(pipeline=pipeline) if job.outstanding]
        self._pachd.call(self._pachd.pps.stop_pipeline, pipeline=pipeline_of(pipeline))
        return len(running)

    def start_pipeline(self, pipeline: str) -> bool:
        """Let a stopped pipeline run; return whether it was stopped."""
        stopped = self.inspect_pipeline(pipeline).stopped
        self._pachd.call(self._pachd.pps.start_pipeline, pipeline=pipeline_of(pipeline))
        return stopped

    def run_cron(self, pipeline: str) -> None:
        """Make the cron inputs of a pipeline tick."""
        self._pachd.call(self._pachd.pps.run_cron, pipeline=pipeline_of(pipeline))

    def list_jobs(
        self,
        *,
        pipeline: str | None = None,
        commit: str | None = None,
        inputs: Sequence[Address] = (),
        states: Sequence[str] = (),
        history: int = 0,
        limit: int = -1,
        details: bool = False,
    ) -> list[Job]:
        """Return jobs, newest first: of the project, of a pipeline in its current version, or under an id."""
        if commit is not None:
            answers = self._pachd.stream(
                self._pachd.pps.inspect_job_set, job_set=pps.JobSet(id=commit), details=details
            )
        else:
            fields: dict[str, Any] = {"projects": [project_of(self.project)]}
            if pipeline is not None:
                self._pachd.call(self._pachd.pps.inspect_pipeline, pipeline=pipeline_of(pipeline))
                fields = {"pipeline": pipeline_of(pipeline)}
            if inputs:
                fields["input_commit"] = [commit_of(each) for each in inputs]
            if limit >= 0 and not states:
                fields["number"] = limit
            answers = self._pachd.stream(self._pachd.pps.list_job, history=history, details=details, **fields)
        wanted = {state.lower() for state in states}
        found = [messages.make_job(as_message(each)) for each in answers]
        found = [job for job in found if (not wanted or job.state in wanted) and pipeline in (None, job.pipeline)]
        return found if limit < 0 else found[:limit]

    def find_jobs(self, text: str) -> list[Job]:
        """Return the job `pipeline@id`, or all of an id."""
        if "@" in text:
            return [self.inspect_job(text)]
        if len(text) != ID_LENGTH or not ID.fullmatch(text):
            raise UsageError(f"{text!r} is no id of a job.", remedy="Write it whole; see `aeolian list job`.")
        found = self.list_jobs(commit=text)
        if not found:
            raise UsageError(f"job {text} not found.", remedy="See `aeolian list job`.")
        return found

    def inspect_job(self, job: str) -> Job:
        """Return the job `pipeline@id`, or the last of a pipeline, with its spec."""
        pipeline, id_ = self._split(job)
        if not id_:
            last = self._last_job(pipeline)
            if last is None:
                raise UsageError(f"pipeline {pipeline} has no job.", remedy="See `aeolian list job`.")
            id_ = last.id
        found = self._pachd.call(self._pachd.pps.inspect_job, job=job_of(pipeline, id_), details=True)
        return messages.make_job(as_message(found))

    def _split(self, job: str) -> tuple[str, str]:
        pipeline, _, id_ = job.partition("@")
        pipeline = full_name(pipeline, self.project)
        if id_ and (len(id_) != ID_LENGTH or not ID.fullmatch(id_)):
            begins = [
                each for each in self.list_jobs(pipeline=pipeline, history=_ALL_VERSIONS) if each.id.startswith(id_)
            ]
            if len(begins) != 1:
                raise UsageError(f"job {job!r} not found.", remedy="See `aeolian list job`.")
            id_ = begins[0].id
        return pipeline, id_

    def stop_job(self, text: str) -> list[Job]:
        """End the job `pipeline@id`, or all of an id; return those that had not ended."""
        running = [job for job in self.find_jobs(text) if job.outstanding]
        for job in running:
            self._pachd.call(self._pachd.pps.stop_job, job=job_of(job.pipeline, job.id), reason="job stopped")
        return running

    def delete_job(self, job: str) -> None:
        """Take a job off the list."""
        found = self.inspect_job(job)
        self._pachd.call(self._pachd.pps.delete_job, job=job_of(found.pipeline, found.id))

    def wait_for_jobs(self, commit: str = "") -> Iterator[list[Job]]:
        """Yield the jobs under an id, or those of the project that are outstanding, again and again until all ended."""
        ids = {commit} if commit else {job.id for job in self.list_jobs() if job.outstanding}
        while True:
            found = [job for id_ in sorted(ids) for job in self.list_jobs(commit=id_)]
            yield found
            if not any(job.outstanding for job in found):
                return
            time.sleep(_LOOK_S)

    def list_datums(self, job: str) -> list[Datum]:
        """Return the datums of the job `pipeline@id`."""
        found = self.inspect_job(job)
        answers = self._pachd.stream(self._pachd.pps.list_datum, job=job_of(found.pipeline, found.id))
        return [messages.make_datum(as_message(each)) for each in answers]

    def plan_datums(self, spec: Spec) -> list[Datum]:
        """Return the datums that a spec would have."""
        wanted = pps.Input().from_dict(_with_project(spec.document["input"], self.project))
        answers = self._pachd.stream(self._pachd.pps.list_datum, input=wanted)
        return [messages.make_datum(as_message(each)) for each in answers]

    def inspect_datum(self, job: str, datum: str) -> Datum:
        """Return one datum of a job, by (the start of) its id."""
        found = [each for each in self.list_datums(job) if each.id.startswith(datum)]
        if len(found) != 1:
            what = "There is no datum" if not found else f"{len(found)} datums start with"
            raise UsageError(f"{what} {datum!r} in {job}.", remedy=f"See `aeolian list datum {job}`.")
        return found[0]

    def restart_datum(self, job: str, paths: Sequence[str]) -> list[str]:
        """Begin the datum of a running job again that reads all these paths; return what it is called."""
        pipeline, id_ = self._split(job)
        self._pachd.call(self._pachd.pps.restart_datum, job=job_of(pipeline, id_), data_filters=list(paths))
        return [", ".join(paths)]

    def read_logs(self, query: LogQuery) -> Iterator[LogLine]:
        """Yield what programs wrote, as the pods of a pipeline or job still have it."""
        fields: dict[str, Any] = {"follow": query.follow, "master": query.master, "data_filters": list(query.inputs)}
        if query.job:
            pipeline, id_ = self._split(query.job)
            fields["job"] = job_of(pipeline, id_ or self.inspect_job(pipeline).id)
            if query.datum:
                fields["datum"] = pps.Datum(job=fields["job"], id=self.inspect_datum(query.job, query.datum).id)
        else:
            fields["pipeline"] = pipeline_of(query.pipeline)
        if query.since_s is not None:
            fields["since"] = timedelta(seconds=query.since_s)
        for each in self._pachd.stream(self._pachd.pps.get_logs, **fields):
            yield messages.make_log_line(as_message(each))


def _is_same(before: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a pipeline was made from this document, told to update or not."""
    ours, theirs = ({k: v for k, v in each.items() if k not in ("update", "reprocess")} for each in (before, document))
    return ours == theirs


def _with_project(value: Any, project: str) -> Any:
    """Return an input with a project in each of its parts that has none."""
    if isinstance(value, list):
        return [_with_project(each, project) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _with_project(each, project) for name, each in value.items()}
    if "repo" in found:
        _, own = split_name(str(found["repo"]))
        found = {"project": project, "name": own, "branch": "master"} | found
    return found
