"""`aeolian evaluate continuation`: continuations beside what truly follows, as a table or JSON."""

from typing import Any

from aeolian.cli.output import print_facts, print_json, print_table
from aeolian.stages import evaluate_continuation as _continuation
from aeolian.stages.options import command


def _print(config: _continuation.Config) -> None:
    document = _continuation.as_dict(_continuation.evaluate(config))
    if config.output == "json":
        print_json(document)
        return
    names = list(document["answers"])
    rows: list[tuple[str, ...]] = [
        (feature, *(_range(document["answers"][name]["ratios"][feature]) for name in names[1:]))
        for feature in document["answers"][names[0]]["ratios"]
    ]
    worst = [_number(document["answers"][name]["worst_ratio"]) for name in names[1:]]
    print_table(("DISTANCE FROM THE SEED", *map(str.upper, names[1:])), [*rows, ("worst", *worst)])
    print_facts([("", "multiples of the true distance, and where 95 of 100 resamplings of the songs lie")])
    measures = (("heard before", "heard_before"), ("from the seed", "from_the_seed"))
    shares: list[tuple[str, ...]] = [
        (title, *(_range(document["answers"][name][key], percent=True) for name in names)) for title, key in measures
    ]
    looping = [f"{document['answers'][name]['looping_songs']} of {document['songs']}" for name in names]
    print_table(
        ("SHARE OF THE NOTES IN RUNS OF 8", *map(str.upper, names)), [*shares, ("songs over half heard", *looping)]
    )


def _range(estimate: dict[str, Any], percent: bool = False) -> str:
    if estimate["value"] is None:
        return "-"
    if percent:
        return f"{estimate['value']:.1%} ({estimate['low']:.1%}…{estimate['high']:.1%})"
    return f"{estimate['value']:.2f} ({estimate['low']:.2f}…{estimate['high']:.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


continuation = command(
    _continuation.Config,
    _print,
    "continuation",
    example="aeolian evaluate continuation samples/midi --load_path aeolian-piano-v1 --seconds 25",
)
