"""`aeolian serve`: what Aeolian does, as a service for other programs."""

import dataclasses
import logging

import click

from aeolian.cli.common import command, warn
from aeolian.errors import UsageError

_PORT = click.IntRange(0, 65_535)
_PRESETS = {"novice-dj": {"http": 7050, "grpc": 7060, "metrics": 6050}}
_SHOWN_PORTS = {"http": 8080, "grpc": 8081}


@command(example='aeolian serve\naeolian serve --http 9000 --token "$TOKEN"\naeolian serve --preset novice-dj')
@click.option("--http", type=_PORT, help="Port for HTTP; 0 takes one that is free.  [default: 8080]")
@click.option("--grpc", type=_PORT, help="Port for gRPC.  [default: 8081]")
@click.option("--metrics", type=_PORT, help="A port of its own for /metrics, which the HTTP port has too.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 is everybody.")
@click.option(
    "--token", envvar="AEOLIAN_TOKEN", default="", help="Answer only those who bear it.  [env: AEOLIAN_TOKEN]"
)
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Let the pages of an origin call, * those of all.")
@click.option("--preset", type=click.Choice(list(_PRESETS)), help="novice-dj: that model alone, on its ports.")
@click.option(
    "--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes that do the work."
)
@click.option("--queue", type=click.IntRange(0, 65_536), default=16, show_default=True, help="Requests that may wait.")
@click.option("--max-mib", type=click.IntRange(1, 1024), default=64, show_default=True, help="Largest request, in MiB.")
@click.option(
    "--body-seconds", type=click.FloatRange(0.1), default=60.0, show_default=True, help="To send a request in."
)
@click.option(
    "--header-seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="To send headers in."
)
def serve(
    http: int | None,
    grpc: int | None,
    metrics: int | None,
    host: str,
    token: str,
    cors: tuple[str, ...],
    preset: str | None,
    workers: int,
    queue: int,
    max_mib: int,
    body_seconds: float,
    header_seconds: float,
) -> None:
    """Answer other programs over the V2 inference protocol, HTTP and gRPC, until Ctrl-C or SIGTERM.

    Any client of Triton, KServe or MLServer can ask. `GET /v2/docs` tells of the models; docs/serving.md of the rest.
    """
    try:
        from aeolian.serving.limits import Limits
        from aeolian.serving.models import NOVICE_DJ, find_models
        from aeolian.serving.server import Options
        from aeolian.serving.server import serve as serve_models
    except ModuleNotFoundError as error:
        raise UsageError(f"`aeolian serve` needs {error.name}.", remedy="pip install 'aeolian[serve]'") from None

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    ports = _PRESETS.get(preset or "", _SHOWN_PORTS)
    limits = dataclasses.replace(
        Limits(), workers=workers, queue=queue, body_bytes=max_mib << 20, body_s=body_seconds, header_s=header_seconds
    )
    options = Options(
        host,
        ports["http"] if http is None else http,
        ports["grpc"] if grpc is None else grpc,
        ports.get("metrics") if metrics is None else metrics,
        token,
        cors,
        limits,
    )
    models = find_models((NOVICE_DJ,) if preset == "novice-dj" else ())
    serve_models(models, options, warn)
