"""The strict reading of a spec: types, names, and the combinations that Pachyderm refuses or cannot run."""

from typing import Any

from aeolian.platform.specs.check_inputs import check_input
from aeolian.platform.specs.documents import Place
from aeolian.platform.specs.names import BRANCH, DEFAULT_PROJECT, PIPELINE, PROJECT, longest_pipeline_name
from aeolian.platform.specs.problems import Problems, show_value
from aeolian.platform.specs.quantities import parse_quantity
from aeolian.platform.specs.values import read_value

REPROCESS_SPECS = ("until_success", "every_job")
SERVICE_TYPES = ("ClusterIP", "LoadBalancer", "NodePort")


def check(data: Any, problems: Problems) -> dict[str, Any]:
    """`data` with snake_case names and plain types; every fault goes to `problems`."""
    value: dict[str, Any] = read_value(data, "CreatePipelineRequest", (), problems)
    _check_name(value.get("pipeline", {}), problems)
    _check_program(value, problems)
    _check_spout_and_service(value, problems)
    _check_numbers(value, problems)
    _check_egress(value.get("egress", {}), problems)
    for kind in ("resource", "sidecar_resource"):
        _check_resources(value, kind, problems)
    for index, toleration in enumerate(value.get("tolerations", ())):
        if toleration.get("operator", "EMPTY") == "EMPTY":
            problems.add(("tolerations", index), "lacks operator; EQUAL or EXISTS belongs there")
    if value.get("output_branch") and not BRANCH.allows(value["output_branch"]):
        problems.add(("output_branch",), f"{show_value(value['output_branch'])} is no name; one has {BRANCH.words}")
    if "input" in value:
        project = value.get("pipeline", {}).get("project", {}).get("name") or DEFAULT_PROJECT
        check_input(value["input"], ("input",), problems, project)
    return value


def _check_name(pipeline: dict[str, Any], problems: Problems) -> None:
    name, project = pipeline.get("name", ""), pipeline.get("project", {}).get("name") or DEFAULT_PROJECT
    if not PROJECT.allows(project):
        problems.add(("pipeline", "project", "name"), f"{show_value(project)} is no name; one has {PROJECT.words}")
    if not name:
        problems.add(("pipeline",), "lacks name")
    elif not PIPELINE.allows(name):
        problems.add(("pipeline", "name"), f"{show_value(name)} is no name; one has {PIPELINE.words}")
    elif PROJECT.allows(project) and len(name) > (most := longest_pipeline_name(project)):
        problems.add(("pipeline", "name"), f"has {len(name)} letters; in the project {project} {most} are the most")


def _check_program(data: dict[str, Any], problems: Problems) -> None:
    if "tf_job" in data:
        problems.add(("tf_job",), "Pachyderm no longer runs it")
    transform = data.get("transform", {})
    if "transform" not in data:
        problems.add((), "lacks transform")
    elif "spout" not in data and not transform.get("cmd"):
        problems.add(("transform",), "lacks cmd, the program and its arguments")
    if "input" not in data and "spout" not in data:
        problems.add((), "lacks input")
    for index, secret in enumerate(transform.get("secrets", ())):
        _check_secret(secret, ("transform", "secrets", index), problems)


def _check_secret(value: dict[str, Any], place: Place, problems: Problems) -> None:
    if not value.get("name"):
        problems.add(place, "lacks name")
    if not value.get("env_var") and not value.get("mount_path"):
        problems.add(place, "has neither env_var nor mount_path, so the program would not see it")
    if value.get("env_var") and not value.get("key"):
        problems.add(place, "lacks key, which env_var needs")
    if not str(value.get("mount_path") or "/x").startswith("/") or value.get("mount_path") == "/":
        problems.add(
            (*place, "mount_path"), f"is {show_value(value['mount_path'])}; a folder's absolute path belongs here"
        )


def _check_spout_and_service(data: dict[str, Any], problems: Problems) -> None:
    spout, service = data.get("spout"), data.get("service")
    if data.get("s3_out") and (spout is not None or service is not None):
        problems.add(("s3_out",), "S3 output does not go with a spout or a service")
    if spout is not None and data.get("autoscaling"):
        problems.add(("autoscaling",), "does not go with a spout, which no commit starts")
    if spout is not None and "service" not in spout and "input" in data:
        problems.add(("input",), "a spout without a service has no input")
    if service is None:
        return
    if service.get("type", "") not in ("", *SERVICE_TYPES):
        problems.add(
            ("service", "type"), f"is {show_value(service['type'])}; one of {', '.join(SERVICE_TYPES)} belongs here"
        )
    if "parallelism_spec" in data and data["parallelism_spec"].get("constant") != 1:
        problems.add(("parallelism_spec",), "a service has exactly one worker: constant 1")


def _check_numbers(data: dict[str, Any], problems: Problems) -> None:
    if data.get("reprocess_spec", "") not in ("", *REPROCESS_SPECS):
        problems.add(("reprocess_spec",), f"is one of {', '.join(REPROCESS_SPECS)}")
    if (data.get("datum_tries") or 0) < 0:
        problems.add(("datum_tries",), "cannot be negative: no datum would ever be tried")


def _check_egress(egress: dict[str, Any], problems: Problems) -> None:
    database = egress.get("sql_database")
    if database is None:
        return
    for field in ("name", "key"):
        if not database.get("secret", {}).get(field):
            problems.add(("egress", "sql_database", "secret"), f"lacks {field}")


def _check_resources(data: dict[str, Any], kind: str, problems: Problems) -> None:
    """What a cluster takes, and then cannot start a pod with."""
    requests, limits = data.get(f"{kind}_requests", {}), data.get(f"{kind}_limits", {})
    for field, resources in ((f"{kind}_requests", requests), (f"{kind}_limits", limits)):
        if "gpu" in resources and "/" not in resources["gpu"].get("type", ""):
            problems.add((field, "gpu"), 'lacks type, such as "nvidia.com/gpu": no pod of a cluster can start without')
    if "gpu" in requests and requests["gpu"] != limits.get("gpu"):
        problems.add(
            (f"{kind}_requests", "gpu"), f"{kind}_limits must ask for the same, or no pod of a cluster can start"
        )
    for name in ("cpu", "memory", "disk"):
        wanted, most = (_amount(resources.get(name)) for resources in (requests, limits))
        if wanted is not None and most is not None and most < wanted:
            problems.add(
                (f"{kind}_limits", name), f"is below what {kind}_requests asks for; no pod of a cluster can start so"
            )


def _amount(value: Any) -> float | None:
    """What is asked for; None where it is nothing, or nothing that the server understands."""
    if not value:
        return None
    return float(value) if isinstance(value, float) else parse_quantity(str(value))
