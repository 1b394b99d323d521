"""The order in which pipelines feed one another."""

from graphlib import CycleError, TopologicalSorter

from aeolian.errors import UsageError


def pipeline_order(inputs: dict[str, set[str]]) -> list[str]:
    """Return the pipelines of `inputs` (pipeline → repos it reads), upstream first. Raises `UsageError` for a cycle."""
    sorter = TopologicalSorter(
        {name: {repo for repo in repos if repo in inputs} for name, repos in sorted(inputs.items())}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise UsageError(
            f"The pipelines feed themselves: {circle}.", remedy="One of them must read another repo."
        ) from None
