"""Waiting for what a cluster does: a line for each job that ends, and why it failed."""

from aeolian.cli.common import warn
from aeolian.platform.protocol import Platform
from aeolian.platform.records import Job


def wait_for_jobs(platform: Platform, commit: str = "") -> bool:
    """Wait until the jobs under an id, or all of the project, have ended; return whether all went well."""
    told: set[tuple[str, str]] = set()
    found: list[Job] = []
    for found in platform.wait_for_jobs(commit):
        for job in found:
            if not job.outstanding and (job.pipeline, job.id) not in told:
                told.add((job.pipeline, job.id))
                _tell(job)
    return all(job.state == "success" for job in found)


def _tell(job: Job) -> None:
    counts = f"{job.processed} done, {job.skipped} as before" + (f", {job.failed} failed" if job.failed else "")
    warn(f"{job.pipeline}@{job.id[:12]}: {job.state}, {counts}")
    if job.state == "failure":
        warn(f"  {job.reason}")
        warn(f"  more: aeolian logs --job {job.pipeline}@{job.id[:12]}")
