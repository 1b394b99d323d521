"""`aeolian create|list|inspect|delete secret`."""

import click

from aeolian.cli.common import age, command, open_store
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.raw_jobs import make_secret_info
from aeolian.cli.spec_source import read_text
from aeolian.engine.programs import secret_files


@command(example="aeolian create secret -f token.json\nkubectl get secret token -o json | aeolian create secret -f -")
@click.option("-f", "--file", required=True, help="Kubernetes manifest of a secret, JSON or YAML; - is standard input.")
def create_secret(file: str) -> None:
    """Keep a secret on this machine, for the specs that name it. It is never shown again."""
    manifest = read_text(file)
    with open_store(make=True) as store:
        secret_files.create_secret(store.home, manifest)


@command(example="aeolian list secret")
@output_option
def list_secret(output: Output) -> None:
    """List the secrets that are kept, without what is in them."""
    with open_store() as store:
        found = secret_files.list_secrets(store.home)
        if not output.prints(found, map(make_secret_info, found)):
            print_table(("NAME", "TYPE", "CREATED"), [(each.name, each.type, age(each.created)) for each in found])


@command(example="aeolian inspect secret token")
@click.argument("secret")
@output_option
def inspect_secret(secret: str, output: Output) -> None:
    """Tell about a secret: its type and the names of its keys, not what is in it."""
    with open_store() as store:
        found = secret_files.find_secret(store.home, secret)
        if not output.prints(found, [make_secret_info(found)]):
            facts = [("Name", found.name), ("Type", found.type), ("Created", age(found.created))]
            print_facts([*facts, ("Keys", ", ".join(found.keys) or "none")])


@command(example="aeolian delete secret token")
@click.argument("secret")
def delete_secret(secret: str) -> None:
    """Forget a secret. Jobs that need it fail from then on."""
    with open_store() as store:
        secret_files.delete_secret(store.home, secret)
