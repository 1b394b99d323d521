"""`aeolian context list|use|show|add`: this machine, and the pachds that pachctl knows."""

from pathlib import Path

import click

from aeolian.cli.common import chosen_context, command, warn
from aeolian.cli.output import Output, own_output_option, print_facts, print_table
from aeolian.errors import AeolianError, UsageError
from aeolian.platform import contexts
from aeolian.platform.contexts import LOCAL, Context, find_context


@command(example="aeolian context list")
@own_output_option
def list_context(output: Output) -> None:
    """List the contexts: this machine, and those of pachctl's configuration file."""
    active = chosen_context()
    found = [_facts(name, active) for name in contexts.list_contexts()]
    if active not in {each["name"] for each in found}:
        found.append(_facts(active, active))
    if output.prints(found):
        return
    rows = [
        ("*" if each["active"] else "", *(str(each[key]) for key in ("name", "address", "project"))) for each in found
    ]
    print_table(("ACTIVE", "NAME", "ADDRESS", "PROJECT"), rows)


def _facts(name: str, active: str) -> dict[str, object]:
    facts: dict[str, object] = {"name": name, "active": name == active, "address": "this machine", "project": "default"}
    if name != LOCAL:
        try:
            found = find_context(name)
        except UsageError as error:
            return facts | {"address": f"unusable: {error.what}", "project": "-"}
        facts |= {"address": _address(found), "project": found.project}
    return facts


def _address(context: Context) -> str:
    return f"{'grpcs' if context.tls else 'grpc'}://{context.address}"


@command(example="aeolian context use local\naeolian context use my-cluster")
@click.argument("name")
def use_context(name: str) -> None:
    """Let the commands that follow go to a context. AEOLIAN_CONTEXT and --context go before it."""
    contexts.use_context(name)
    warn(f"the context is {name}")


@command(example="aeolian context show\naeolian context show my-cluster -o json")
@click.argument("name", required=False)
@own_output_option
def show_context(name: str | None, output: Output) -> None:
    """Tell about a context, or the one that is active: where it is, and whether a pachd answers there."""
    name = name or chosen_context()
    facts = _facts(name, chosen_context())
    if name != LOCAL:
        from aeolian.cluster.connection import Connection

        pachd = Connection(find_context(name))
        try:
            pachd.wait_until_ready()
            facts["server"] = f"Pachyderm {pachd.server_version()}"
        except AeolianError as error:
            facts["server"] = f"none: {error.what}"
        finally:
            pachd.close()
    if not output.prints(facts):
        print_facts([(key.capitalize(), str(value)) for key, value in facts.items() if key != "active"])


@command(example="aeolian context add my-cluster --address grpcs://pachd.example.com:443 --project music")
@click.argument("name")
@click.option("--address", required=True, help="Where the pachd is: grpc://HOST:PORT, or with TLS grpcs://HOST:PORT.")
@click.option("--project", default="default", show_default=True, help="The project of names without any.")
@click.option("--certificates", type=click.Path(path_type=Path), help="PEM file of whom to trust, for TLS.")
@click.option("--token", envvar="AEOLIAN_TOKEN", default="", help="Who one is. Better in AEOLIAN_TOKEN.")
@click.option("--overwrite", is_flag=True, help="Also where there is a context of that name.")
def add_context(name: str, address: str, project: str, certificates: Path | None, token: str, overwrite: bool) -> None:
    """Write a context into pachctl's configuration file, so that both commands know it."""
    pem = certificates.read_bytes() if certificates is not None else b""
    contexts.add_context(name, address, token=token, certificates=pem, project=project, overwrite=overwrite)
    warn(f"context {name}: added; `aeolian context use {name}` goes there")
