"""The command `aeolian`: a table of what there is, so that asking for help loads nothing but click.

A command is named by its place here and loaded from `module:attribute` when it is called.
"""

import importlib
from typing import Any, cast

import click

# name -> (module:attribute or words, help or table); the name "" is what a group does without a further word.
Table = dict[str, "tuple[str, str] | tuple[str, Table]"]

_REPOS, _FILES, _PIPELINES = "aeolian.cli.repos:", "aeolian.cli.files:", "aeolian.cli.pipelines:"
_COMMITS, _FOLLOWING, _BRANCHES = "aeolian.cli.commits:", "aeolian.cli.following:", "aeolian.cli.branches:"
_TRANSACTIONS = "aeolian.cli.transactions:"
_CONTEXTS = "aeolian.cli.contexts:"
_PROJECTS, _PUT, _SECRETS = "aeolian.cli.projects:", "aeolian.cli.put:", "aeolian.cli.secrets:"
_STATES, _PIPELINE_LISTS = "aeolian.cli.pipeline_states:", "aeolian.cli.pipeline_lists:"
_JOBS, _DATUMS, _UPKEEP, _MUSIC = (
    "aeolian.cli.jobs:",
    "aeolian.cli.datums:",
    "aeolian.cli.upkeep:",
    "aeolian.cli.music:",
)

COMMANDS: dict[str, Any] = {
    "create": (
        "Make a repo, a branch or a pipeline.",
        {
            "repo": (f"{_REPOS}create_repo", "Make an empty repo."),
            "branch": (f"{_BRANCHES}create_branch", "Make or move a branch, and run what follows."),
            "project": (f"{_PROJECTS}create_project", "Make a project."),
            "pipeline": (f"{_PIPELINES}create_pipeline", "Make the pipelines of a spec file, and run them."),
            "secret": (f"{_SECRETS}create_secret", "Keep a secret on this machine, for specs that name it."),
        },
    ),
    "update": (
        "Change a pipeline, or what a repo or project is for.",
        {
            "pipeline": (f"{_PIPELINES}update_pipeline", "Replace pipelines by those of a spec file, and run them."),
            "repo": (f"{_REPOS}update_repo", "Change what a repo is for."),
            "project": (f"{_PROJECTS}update_project", "Change what a project is for."),
        },
    ),
    "delete": (
        "Remove a repo, a pipeline, a commit or files.",
        {
            "repo": (f"{_REPOS}delete_repo", "Remove a repo and its history."),
            "branch": (f"{_BRANCHES}delete_branch", "Remove a branch; its commits stay."),
            "project": (f"{_PROJECTS}delete_project", "Remove a project."),
            "transaction": (f"{_TRANSACTIONS}delete_transaction", "Forget a transaction."),
            "pipeline": (f"{_STATES}delete_pipeline", "Remove a pipeline and what it made."),
            "job": (f"{_JOBS}delete_job", "Remove a job from the list."),
            "secret": (f"{_SECRETS}delete_secret", "Forget a secret."),
            "commit": (f"{_COMMITS}delete_commit", "Remove the newest commit and what followed from it."),
            "file": (f"{_FILES}delete_file", "Remove a file or a folder, and what was made from it."),
        },
    ),
    "list": (
        "List repos, pipelines, commits, jobs, datums or files.",
        {
            "repo": (f"{_REPOS}list_repo", "List the repos."),
            "branch": (f"{_BRANCHES}list_branch", "List the branches of a repo."),
            "project": (f"{_PROJECTS}list_project", "List the projects."),
            "transaction": (f"{_TRANSACTIONS}list_transaction", "List the transactions that are not finished."),
            "pipeline": (f"{_PIPELINE_LISTS}list_pipeline", "List the pipelines."),
            "commit": (f"{_COMMITS}list_commit", "List commits, newest first."),
            "job": (f"{_JOBS}list_job", "List jobs, newest first."),
            "datum": (f"{_DATUMS}list_datum", "List the datums of a job."),
            "secret": (f"{_SECRETS}list_secret", "List the secrets that are kept."),
            "file": (f"{_FILES}list_file", "List the files of a folder."),
        },
    ),
    "inspect": (
        "Tell all about one thing.",
        {
            "repo": (f"{_REPOS}inspect_repo", "Tell about a repo."),
            "branch": (f"{_BRANCHES}inspect_branch", "Tell about a branch."),
            "project": (f"{_PROJECTS}inspect_project", "Tell about a project."),
            "transaction": (f"{_TRANSACTIONS}inspect_transaction", "Tell what a transaction gathered."),
            "pipeline": (f"{_PIPELINE_LISTS}inspect_pipeline", "Tell about a pipeline."),
            "commit": (f"{_COMMITS}inspect_commit", "Tell about a commit."),
            "job": (f"{_JOBS}inspect_job", "Tell about a job."),
            "datum": (f"{_DATUMS}inspect_datum", "Tell about a datum."),
            "secret": (f"{_SECRETS}inspect_secret", "Tell about a secret, not what is in it."),
            "file": (f"{_FILES}inspect_file", "Tell about a file."),
        },
    ),
    "put": ("Put files into a repo.", {"file": (f"{_PUT}put_file", "Put files into a repo, and run what follows.")}),
    "glob": ("List by a glob.", {"file": (f"{_FILES}glob_file", "List the files and folders that a glob matches.")}),
    "diff": ("Compare files.", {"file": (f"{_FILES}diff_file", "Tell how files differ from others, or from before.")}),
    "copy": ("Copy files.", {"file": (f"{_FILES}copy_file", "Put files of a repo at another place.")}),
    "find": ("Find commits.", {"commit": (f"{_FOLLOWING}find_commit", "Find the commits in which a file changed.")}),
    "subscribe": (
        "Follow a branch.",
        {"commit": (f"{_FOLLOWING}subscribe_commit", "Print each commit of a branch as it comes.")},
    ),
    "get": ("Get files out of a repo.", {"file": (f"{_FILES}get_file", "Get a file or a folder out of a repo.")}),
    "start": (
        "Open a commit, or let a stopped pipeline run.",
        {
            "commit": (f"{_COMMITS}start_commit", "Open a commit, to put files bit by bit."),
            "transaction": (f"{_TRANSACTIONS}start_transaction", "Gather changes, to do all or none of them."),
            "pipeline": (f"{_STATES}start_pipeline", "Let a stopped pipeline run on what it missed."),
        },
    ),
    "stop": (
        "Stop a pipeline or a job.",
        {
            "pipeline": (f"{_STATES}stop_pipeline", "End a pipeline's jobs, and let it have none until it is started."),
            "job": (f"{_JOBS}stop_job", "End a job that is not done."),
            "transaction": (f"{_TRANSACTIONS}stop_transaction", "Set the active transaction aside."),
        },
    ),
    "resume": (
        "Go on with a transaction.",
        {"transaction": (f"{_TRANSACTIONS}resume_transaction", "Make a transaction active again.")},
    ),
    "restart": (
        "Begin a pipeline or a datum again.",
        {
            "pipeline": (f"{_STATES}restart_pipeline", "End a pipeline's jobs, and run it on its inputs as they are."),
            "datum": (f"{_DATUMS}restart_datum", "Begin a datum of a running job again that is stuck."),
        },
    ),
    "finish": (
        "Close a commit.",
        {
            "commit": (f"{_COMMITS}finish_commit", "Close an open commit, and run what follows."),
            "transaction": (f"{_TRANSACTIONS}finish_transaction", "Do what a transaction gathered, under one id."),
        },
    ),
    "squash": (
        "Shorten history.",
        {"commit": (f"{_COMMITS}squash_commit", "Remove a commit whose content later ones have.")},
    ),
    "run": (
        "Run a pipeline again, or make a cron input tick.",
        {
            "pipeline": (f"{_STATES}run_pipeline", "Run a pipeline on its inputs as they are."),
            "cron": (f"{_STATES}run_cron", "Make the cron inputs of a pipeline tick."),
        },
    ),
    "rerun": (
        "Run a pipeline anew.",
        {"pipeline": (f"{_STATES}rerun_pipeline", "Run a pipeline as a new version of the same spec.")},
    ),
    "validate": (
        "Check a spec.",
        {"pipeline": (f"{_PIPELINES}validate_pipeline", "Check the pipelines of a spec file.")},
    ),
    "edit": (
        "Change a pipeline in an editor.",
        {"pipeline": (f"{_PIPELINES}edit_pipeline", "Change a pipeline's spec in an editor, and run it.")},
    ),
    "images": (
        "The container images that specs name.",
        {"pin": ("aeolian.cli.images:pin", "Write one version of all images into every spec.")},
    ),
    "up": (f"{_PIPELINES}up", "Make or change every pipeline of a folder, and run them."),
    "wait": (
        "Do what is outstanding; return when nothing is left.",
        {
            "": (f"{_JOBS}wait", "Do all that is outstanding."),
            "job": (f"{_JOBS}wait_job", "Do what is outstanding until a job has ended."),
            "commit": (f"{_FOLLOWING}wait_commit", "Do what is outstanding until a commit is closed."),
        },
    ),
    "watch": ("aeolian.cli.watching:watch", "Put a folder's changes into a repo, as they come."),
    "tend": ("aeolian.cli.tending:tend", "Do what is to be done as it comes, and make cron inputs tick."),
    "logs": ("aeolian.cli.logs:logs", "Show what programs wrote."),
    "draw": (
        "Draw what feeds what, as a picture or on the terminal.",
        {
            "": ("aeolian.cli.drawing:draw", "Draw repos and pipelines."),
            "pipeline": ("aeolian.cli.drawing:draw", "The same, as pachctl spells it."),
        },
    ),
    "context": (
        "Where commands go: this machine, or a cluster.",
        {
            "list": (f"{_CONTEXTS}list_context", "List the contexts."),
            "use": (f"{_CONTEXTS}use_context", "Let commands go to a context."),
            "show": (f"{_CONTEXTS}show_context", "Tell about a context."),
            "add": (f"{_CONTEXTS}add_context", "Write a context into pachctl's file."),
        },
    ),
    "lineage": (f"{_FILES}lineage", "Trace a file back to the files it was made from."),
    "gc": (f"{_UPKEEP}gc", "Remove what no commit needs any more."),
    "fsck": (f"{_UPKEEP}fsck", "Check everything that is stored against its hash."),
    "doctor": (f"{_UPKEEP}doctor", "Check that this machine has what is needed."),
    "completion": (f"{_UPKEEP}completion", "Print what makes the shell complete aeolian's commands."),
    "transcribe": (f"{_MUSIC}transcribe", "Turn recordings into MIDI."),
    "generate": (f"{_MUSIC}generate", "Continue a MIDI file with a trained model."),
    "render": (f"{_MUSIC}render", "Turn MIDI into sound and a picture."),
    "effects": (f"{_MUSIC}effects", "Finish recordings by a chain of effects."),
    "train-transcriber": (f"{_MUSIC}train_transcriber", "Teach a transcriber, from recordings or from MIDI alone."),
    "evaluate": (
        "Measure music or a model.",
        {
            "music": (
                "aeolian.cli.evaluate:music",
                "What pieces are like, beside a corpus, and what of it they repeat.",
            ),
            "likelihood": ("aeolian.cli.evaluate:likelihood", "How well a model foresees songs."),
            "continuation": (
                "aeolian.cli.evaluate_continuation:continuation",
                "How near to their seeds a model's continuations stay.",
            ),
            "transcription": ("aeolian.cli.evaluate:transcription", "How well a transcriber hears."),
        },
    ),
    "serve": ("aeolian.cli.serving:serve", "Answer other programs: transcription, generation, rendering as calls."),
    "import-checkpoint": (f"{_MUSIC}import_checkpoint", "Turn a checkpoint of others' code into a model folder."),
}


class LazyGroup(click.Group):
    """A group whose commands are loaded when they are called."""

    def __init__(self, table: dict[str, Any], name: str, help: str, **attributes: Any) -> None:
        super().__init__(name, help=help, context_settings={"help_option_names": ["-h", "--help"]}, **attributes)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return [name for name in self._table if name]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, where a group does something without a further word too."""
        alone = not args and not ctx.resilient_parsing  # a shell that completes wants the further words
        if "" in self._table and (alone or (args and args[0].startswith("-") and args[0] not in ("-h", "--help"))):
            args = ["", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded; plural nouns are taken as well."""
        name = cmd_name if cmd_name in self._table else cmd_name.removesuffix("s") or "s"
        if name not in self._table:
            return None
        first, second = self._table[name]
        if isinstance(second, dict):
            return LazyGroup(second, name, first)
        module, _, attribute = first.partition(":")
        command = cast(click.Command, getattr(importlib.import_module(module), attribute))
        command.name = name or self.name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion where there is no such command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self._table, 1, 0.5)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The names with one line each, out of the table."""
        rows = [
            (name or "(no word)", first if isinstance(second, dict) else second)
            for name, (first, second) in self._table.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


_HELP = """From a folder of recordings to a model, and to new songs.

\b
    aeolian up pipelines/
    aeolian put file audio-unprocessed@master:/ -r -f my-songs/
    aeolian list file rendered-music@master

State is in .aeolian/ or $AEOLIAN_HOME. A place is written repo@branch:/path. The same words go to a cluster with
--context NAME, AEOLIAN_CONTEXT, or after `aeolian context use NAME`.
"""


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from aeolian import __version__

        click.echo(f"aeolian {__version__}")
        context.exit()


def _remember_context(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        from aeolian.cli.common import remember_context

        remember_context(context, _, value)


main = LazyGroup(
    COMMANDS,
    "aeolian",
    _HELP,
    params=[
        click.Option(
            ["--context"],
            metavar="NAME",
            expose_value=False,
            callback=_remember_context,
            help="Where to go: local, a context of pachctl's, or an address. Also behind each command.",
        ),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
        ),
    ],
)
