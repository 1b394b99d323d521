"""`aeolian evaluate`: pieces, models and transcriptions measured, as tables or JSON."""

from typing import TYPE_CHECKING, Any

import click

from aeolian.cli.output import print_facts, print_json, print_table
from aeolian.stages import evaluate_likelihood as _likelihood
from aeolian.stages import evaluate_music as _music
from aeolian.stages import evaluate_transcription as _transcription
from aeolian.stages.options import command

if TYPE_CHECKING:
    from aeolian.evaluation.comparison import Course

ROWS = 20


def _print_music(config: _music.Config) -> None:
    found = _music.evaluate(config)
    if config.output == "json":
        print_json(_music.as_dict(found))
        return
    document = _music.as_dict(found)
    print_facts(
        [
            ("pieces", str(document["pieces"])),
            ("corpus", f"{found.songs} songs, in stretches of {found.excerpt_notes} notes" if found.songs else "none"),
        ]
    )
    click.echo()
    if found.songs:
        titles = ("STATISTIC", "UNIT", "PIECES", "±", "CORPUS", "5%…95%", "INSIDE", "OVERLAP", "KL")
        print_table(titles, [_beside_corpus(name, row) for name, row in document["statistics"].items()])
    else:
        rows = [
            (name, row["unit"], _short(row["mean"]), _short(row["std"]), row["meaning"])
            for name, row in document["statistics"].items()
        ]
        print_table(("STATISTIC", "UNIT", "PIECES", "±", "WHAT IT IS"), rows)
    if found.courses:
        numbers = [str(part) for part in range(1, config.parts + 1)]
        courses = [_course_row(each) for each in found.courses]
        click.echo()
        print_table(("PART BY PART".ljust(18), *numbers, "CORPUS 5%…95%"), courses)
    if found.shared:
        _print_shared(found, document)


def _print_shared(found: _music.Evaluation, document: dict[str, Any]) -> None:
    usual = sorted(document["usually_shared_notes"])
    most = max(usual, default=0)
    rows = sorted(document["shared"], key=lambda row: (-row["longest_notes"], row["name"]))
    click.echo()
    print_table(
        ("SHARED, PIECE", "NOTES", "FROM", "LASTS", "WITH", "COVERED", "NEAREST SONG", "SHARE"),
        [
            (
                row["name"][:30],
                f"{row['longest_notes']}{'!' if usual and row['longest_notes'] > most else ''}",
                f"{row['at_s']:.0f} s",
                f"{row['lasts_s']:.1f} s",
                row["song"][:30],
                f"{row['covered']:.0%}",
                row["nearest"][:30],
                f"{row['nearest_share']:.1%}",
            )
            for row in rows[:ROWS]
        ],
    )
    if len(rows) > ROWS:
        print_facts([("and", f"{len(rows) - ROWS} pieces that share less")])
    if usual:
        notes = f"median {usual[len(usual) // 2]} notes, at most {most}; a piece marked ! shares more"
        print_facts([(f"{len(usual)} songs share with the others", notes)])


def _print_likelihood(config: _likelihood.Config) -> None:
    found = _likelihood.evaluate(config)
    if config.output == "json":
        print_json(found)
        return
    rows = sorted(found["by_song"], key=lambda row: (-(row["nats_per_token"] or 0.0), row["name"]))
    print_table(
        ("SONG", "TOKENS", "NATS/TOKEN", "NATS/S"),
        [
            (row["name"][:50], str(row["tokens"]), _short(row["nats_per_token"], 4), _short(row["nats_per_second"]))
            for row in rows[:ROWS]
        ],
    )
    if len(rows) > ROWS:
        print_facts([("and", f"{len(rows) - ROWS} songs that it foresees better")])
    click.echo()
    print_table(
        ("EVENT", "TOKENS", "NATS/TOKEN"),
        [(kind, str(each["tokens"]), f"{each['nats_per_token']:.3f}") for kind, each in found["by_kind"].items()],
    )
    window = f"{found['context']} tokens, moved on by {found['stride']}"
    nats = [_short(found[f"nats_per_{unit}"], 5) for unit in ("token", "second")]
    click.echo()
    print_facts(
        [
            ("songs", f"{found['songs']}, {found['tokens']:,} tokens, {found['seconds'] / 60:.0f} min"),
            ("window", window),
            ("NLL", f"{nats[0]} nats a token, {nats[1]} nats a second"),
        ]
    )


def _print_transcription(config: _transcription.Config) -> None:
    systems = _transcription.evaluate(config)
    document = _transcription.as_dict(systems)
    if config.output == "json":
        print_json(document)
        return
    for name, found in document.items():
        click.echo(f"{name}  {found['version']}".rstrip())
        rows: list[tuple[str, ...]] = [
            (piece[-44:], f"{row['reference_notes']}", f"{row['estimated_notes']}", *_percents(row))
            for piece, row in found["by_piece"].items()
        ]
        measures = ("ONSET F1", "+OFFSET", "+VELOCITY", "ALL THREE", "FRAMES")
        print_table(("PIECE", "TRUE", "FOUND", *measures), [*rows, ("mean", "", "", *_percents(found["means"]))])
        mean, missed, extra = found["means"]["onset"], found["errors"]["recall"], found["errors"]["extra_notes"]
        facts = [
            ("onsets", f"precision {100 * mean['precision']:.1f}, recall {100 * mean['recall']:.1f}"),
            *((f"found, by {kind}", _shares(shares)) for kind, shares in missed.items()),
            ("extra notes", ", ".join(f"{count} {kind}" for kind, count in extra.items())),
            ("onsets, found less true", _milliseconds(found["errors"]["onset_error_ms"])),
            ("offsets, found less true", _milliseconds(found["errors"]["offset_error_ms"])),
        ]
        if found["onset_offset_f1_by_keys"] is not None:
            facts.append(("+OFFSET without the pedal", f"{100 * found['onset_offset_f1_by_keys']:.1f}"))
        print_facts(facts)
        click.echo()


def _percents(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("onset", "onset_offset", "onset_velocity", "onset_offset_velocity", "frame")
    return tuple(f"{100 * row[name]['f1']:.1f}" for name in names)


def _shares(shares: dict[str, Any]) -> str:
    return ", ".join(f"{name} {row['share']:.0%}" for name, row in shares.items() if row["of"])


def _milliseconds(quantiles: dict[str, float]) -> str:
    if not quantiles:
        return "-"
    return f"median {quantiles['median']:+.0f} ms, 90 % from {quantiles['p05']:+.0f} to {quantiles['p95']:+.0f}"


def _beside_corpus(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    within = f"{_short(row['low'])}…{_short(row['high'])}" if row["low"] is not None else "-"
    inside = f"{row['inside']:.0%}" if row["inside"] is not None else "-"
    numbers = [_short(row[key]) for key in ("mean", "std", "corpus_mean")]
    return (name, row["unit"], *numbers, within, inside, _short(row["overlap"]), _short(row["divergence"]))


def _course_row(course: "Course") -> tuple[str, ...]:
    means = [_short(mean if mean == mean else None) for mean in course.means.tolist()]
    within = f"{_short(course.low)}…{_short(course.high)}" if course.low == course.low else "-"
    return (course.statistic.name.ljust(18), *means, within)


def _short(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


music = command(
    _music.Config, _print_music, "music", example="aeolian evaluate music generated-music/ --corpus samples/midi"
)
likelihood = command(
    _likelihood.Config,
    _print_likelihood,
    "likelihood",
    example="aeolian evaluate likelihood --load_path aeolian-piano-v1 --input samples/midi",
)
transcription = command(
    _transcription.Config,
    _print_transcription,
    "transcription",
    example="aeolian evaluate transcription maps/ --backend all\naeolian evaluate transcription maps/ --input midi/",
)
