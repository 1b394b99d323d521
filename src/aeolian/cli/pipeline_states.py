"""`aeolian run|rerun|stop|start|restart|delete pipeline` and `run cron`."""

import click

from aeolian.cli.common import command, no_run_option, open_platform, warn
from aeolian.cli.pipelines import reprocess_option
from aeolian.cli.running import follow
from aeolian.errors import UsageError
from aeolian.platform.specs.names import full_name


@command(example="aeolian delete pipeline render\naeolian delete pipeline --all --keep-repo")
@click.argument("pipeline", required=False)
@click.option("--all", "every", is_flag=True, help="Remove every pipeline.")
@click.option("-f", "--force", is_flag=True, help="Also if another pipeline reads what it made.")
@click.option("--keep-repo", is_flag=True, help="Keep what it made as a plain repo.")
def delete_pipeline(pipeline: str | None, every: bool, force: bool, keep_repo: bool) -> None:
    """Remove a pipeline, its jobs and what it made."""
    if (pipeline is None) != every:
        raise UsageError("Which pipeline?", remedy="Give one pipeline, or --all.")
    with open_platform() as platform:
        if pipeline is not None:
            platform.delete_pipeline(full_name(pipeline, platform.project), keep_repo=keep_repo, force=force)
        else:
            for name in platform.delete_pipelines(keep_repo=keep_repo):
                warn(f"pipeline {name}: deleted")


@command(example="aeolian run pipeline music-transformer")
@click.argument("pipeline")
@no_run_option
def run_pipeline(pipeline: str, no_run: bool) -> None:
    """Run a pipeline on its inputs as they are: what failed or changed is redone."""
    with open_platform() as platform:
        platform.run_pipeline(full_name(pipeline, platform.project))
        follow(platform, no_run=no_run)


@command(example="aeolian rerun pipeline music-transformer --reprocess")
@click.argument("pipeline")
@reprocess_option
@no_run_option
def rerun_pipeline(pipeline: str, reprocess: bool, no_run: bool) -> None:
    """Run a pipeline as a new version of the same spec: what failed or changed is redone, with --reprocess all."""
    with open_platform() as platform:
        platform.rerun_pipeline(full_name(pipeline, platform.project), reprocess=reprocess)
        follow(platform, no_run=no_run)


@command(example="aeolian stop pipeline music-transformer")
@click.argument("pipeline")
def stop_pipeline(pipeline: str) -> None:
    """End a pipeline's jobs, and let it have none until `start pipeline`."""
    with open_platform() as platform:
        ended = platform.stop_pipeline(full_name(pipeline, platform.project))
        warn(f"pipeline {pipeline}: paused{f', {ended} jobs killed' if ended else ''}")


@command(example="aeolian start pipeline music-transformer")
@click.argument("pipeline")
@no_run_option
def start_pipeline(pipeline: str, no_run: bool) -> None:
    """Let a stopped pipeline run: one job does what all commits brought meanwhile."""
    with open_platform() as platform:
        if platform.start_pipeline(full_name(pipeline, platform.project)):
            follow(platform, no_run=no_run)
        else:
            warn(f"pipeline {pipeline}: it was not stopped")


@command(example="aeolian restart pipeline music-transformer")
@click.argument("pipeline")
@no_run_option
def restart_pipeline(pipeline: str, no_run: bool) -> None:
    """End a pipeline's jobs, and run it on its inputs as they are."""
    with open_platform() as platform:
        name = full_name(pipeline, platform.project)
        platform.stop_pipeline(name)
        platform.start_pipeline(name)
        follow(platform, no_run=no_run)


@command(example="aeolian run cron nightly")
@click.argument("pipeline")
@no_run_option
def run_cron(pipeline: str, no_run: bool) -> None:
    """Make the cron inputs of a pipeline tick: a file named by the time goes into each of their repos."""
    with open_platform() as platform:
        platform.run_cron(full_name(pipeline, platform.project))
        follow(platform, no_run=no_run)
