"""Records of pipelines, jobs and datums as pachctl's `--raw` writes them. Pure functions, as those of `raw.py`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aeolian.cli.output import Message
from aeolian.cli.raw import PROJECT, make_branch, make_commit, make_file_info, make_message, write_duration, write_time
from aeolian.engine.programs.secret_files import KeptSecret
from aeolian.platform.records import Datum, Effort, Job, Pipeline
from aeolian.platform.specs.fields import MESSAGES
from aeolian.platform.specs.names import split_name
from aeolian.platform.specs.spec import DEFAULT_BRANCH, DEFAULT_TRIES

_NOT_DETAILS = ("pipeline", "update", "reprocess", "spec_commit", "dry_run")
_JOB_DETAILS = (
    "transform",
    "parallelism_spec",
    "egress",
    "service",
    "spout",
    "resource_requests",
    "resource_limits",
    "sidecar_resource_requests",
    "sidecar_resource_limits",
    "input",
    "salt",
    "datum_set_spec",
    "datum_timeout",
    "job_timeout",
    "datum_tries",
    "scheduling_spec",
    "pod_spec",
    "pod_patch",
)


def make_pipeline(name: str) -> Message:
    """Return how messages name a pipeline."""
    project, own = split_name(name)
    return {"project": {"name": project}, "name": own}


def make_job(pipeline: str, id_: str) -> Message:
    """Return how messages name a job."""
    return {"pipeline": make_pipeline(pipeline), "id": id_}


def make_spec(document: Mapping[str, Any]) -> Message:
    """Return a spec's fields with the defaults that pachd fills in, numbers of 64 bits as texts."""
    spec: Message = _convert(dict(document), "CreatePipelineRequest", document["pipeline"]["name"])
    spec.setdefault("output_branch", DEFAULT_BRANCH)
    spec.setdefault("datum_tries", str(DEFAULT_TRIES))
    spec.setdefault("reprocess_spec", "until_success")
    return spec


def make_pipeline_info(pipeline: Pipeline) -> Message:
    """Return a `PipelineInfo`."""
    if pipeline.raw is not None:
        return dict(pipeline.raw)
    spec, last = make_spec(pipeline.spec), pipeline.last_job
    details = {name: value for name, value in spec.items() if name not in _NOT_DETAILS}
    return make_message(
        pipeline=make_pipeline(pipeline.name),
        version=str(pipeline.version),
        spec_commit=_make_spec_commit(pipeline),
        stopped=pipeline.stopped,
        state=f"PIPELINE_{pipeline.state.upper()}",
        last_job_state=job_state(last.state) if last else None,
        parallelism=str(spec.get("parallelism_spec", {}).get("constant", 1)),
        type=_find_type(pipeline),
        details=details | {"created_at": write_time(pipeline.created), "updated_at": write_time(pipeline.created)},
        user_spec_json=json.dumps(pipeline.spec, ensure_ascii=False, sort_keys=True),
        effective_spec_json=json.dumps(spec, ensure_ascii=False, sort_keys=True),
    )


def job_state(state: str) -> str:
    """Return the name of a job's state in messages."""
    return f"JOB_{state.upper()}"


def make_job_info(job: Job) -> Message:
    """Return a `JobInfo`; of a job that was asked for with its spec, with what `inspect job` tells in addition."""
    if job.raw is not None:
        return dict(job.raw)
    spec, output = {}, make_commit(job.pipeline, job.id)
    if job.spec is not None:
        spec = make_spec(job.spec)
        output["branch"] = make_branch(job.pipeline, spec["output_branch"])
    return make_message(
        job=make_job(job.pipeline, job.id),
        pipeline_version=str(job.version),
        output_commit=output,
        data_processed=str(job.processed),
        data_skipped=str(job.skipped),
        data_total=str(job.total),
        data_failed=str(job.failed),
        data_recovered=str(job.recovered),
        stats=_make_stats(job.effort) if job.effort else None,
        state=job_state(job.state),
        reason=job.reason,
        created=write_time(job.created),
        started=write_time(job.started),
        finished=write_time(job.finished),
        details={name: spec[name] for name in _JOB_DETAILS if name in spec},
    )


def make_job_set_info(id_: str, jobs: Sequence[Message]) -> Message:
    """Return a `JobSetInfo` of the `JobInfo`s under one id."""
    return {"job_set": {"id": id_}, "jobs": list(jobs)}


def make_datum_info(record: Datum, image: str = "") -> Message:
    """Return a `DatumInfo`."""
    if record.raw is not None:
        return dict(record.raw)
    files = [
        make_file_info(
            part["repo"], part["commit"], _folder_path(part), int(part.get("size", 0)), part.get("hash", ""), None
        )
        for part in record.inputs
    ]
    return make_message(
        datum=make_message(job=make_job(record.pipeline, record.job) if record.job else None, id=record.id),
        state=record.state.upper(),
        stats=_make_stats(record.effort),
        data=files,
        image_id=image,
    )


def make_secret_info(secret: KeptSecret) -> Message:
    """Return a `SecretInfo`."""
    return make_message(secret={"name": secret.name}, type=secret.type, creation_timestamp=write_time(secret.created))


def _folder_path(part: Mapping[str, Any]) -> str:
    path = str(part["path"])
    return path if part.get("is_file", True) or path.endswith("/") else f"{path}/"


def _make_stats(effort: Effort) -> Message:
    times = {f"{phase}_time": write_duration(taken) for phase, taken in effort.seconds.items()}
    return make_message(**times, download_bytes=str(effort.read_bytes), upload_bytes=str(effort.written_bytes))


def _make_spec_commit(pipeline: Pipeline) -> Message:
    repo = {"name": pipeline.name, "type": "spec", "project": {"name": PROJECT}}
    return {"repo": repo, "id": pipeline.spec_commit, "branch": {"repo": repo, "name": DEFAULT_BRANCH}}


def _find_type(pipeline: Pipeline) -> str:
    if "spout" in pipeline.spec:
        return "PIPELINE_TYPE_SPOUT"
    return "PIPELINE_TYPE_SERVICE" if "service" in pipeline.spec else "PIPELINE_TYPE_TRANSFORM"


def _convert(value: Any, kind: str, pipeline: str) -> Any:
    """Return a checked value of a spec as protobuf's JSON has it."""
    if kind.endswith("[]"):
        return [_convert(part, kind[:-2], pipeline) for part in value]
    if kind in ("int64", "uint64"):
        return str(int(value))
    if kind not in MESSAGES:
        return value
    fields = {part: _convert(inner, MESSAGES[kind][part], pipeline) for part, inner in value.items()}
    if kind == "PfsInput":
        fields = {
            "project": PROJECT,
            "name": fields.get("repo"),
            "repo_type": "user",
            "branch": DEFAULT_BRANCH,
        } | fields
    if kind == "CronInput":
        fields = {"project": PROJECT, "repo": f"{pipeline}_{fields.get('name')}"} | fields
    if kind == "Pipeline":
        fields = {"project": {"name": PROJECT}} | fields
    return make_message(**fields)
