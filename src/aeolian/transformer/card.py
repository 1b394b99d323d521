"""The model card: the `README.md` of a model folder."""

from collections.abc import Mapping
from typing import Any

from aeolian.transformer.config import ModelConfig
from aeolian.transformer.weights import count


def model_card(config: ModelConfig, training: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Markdown: what the model is, what it was trained on, how well it predicts, how it was made."""
    songs, tokens = metrics["songs"], metrics["tokens"]
    rows = "\n".join(
        f"| {name} | {songs[name]} | {tokens[name]:,} | {_nats(metrics[f'{name}_nll'])} |"
        for name in ("train", "validation", "test")
    )
    note = f"\n{metrics['note']}\n" if metrics["note"] else ""
    warm = "Training started from the weights of another model.\n" if training["warm_start"] else ""
    return f"""# A Music Transformer trained by Aeolian

A decoder-only transformer with relative global attention (Huang et al. 2018, "Music Transformer"). It continues
piano music, event by event: note on, note off, time shift, velocity.

{_facts(config)}

## Data and scores

| split | songs | events | NLL, nats a token |
|---|---|---|---|
{rows}
{note}
The training figure is that of the best epoch, measured while training: with dropout, and on windows as they were then.
Validation and test are whole songs, unchanged, in windows of {config.max_seq} tokens. The music's
licence is that of its songs.

## How it was made

{warm}{metrics["epochs"]} epochs ({metrics["steps"]} steps) of batches of {training["batch_size"]} windows.
The weights are those of epoch {metrics["best_epoch"]}, the best.
{training["optimizer"].capitalize()}, peak learning rate {training["peak_learning_rate"]:.3g} after
{training["warmup_steps"]} steps, dropout {config.dropout:g}.
{_augmentation(training)}
Seed {training["seed"]}. `history.jsonl` has every epoch, `config.json` every setting.

## Limits

It knows only the music it was trained on, and little of form beyond its context. A model of few songs may repeat
passages of them.

## Use

    python3 generate.py --load_path <this folder> --inputs seed.mid --length 2048 --save_path new-song.mid
"""


def imported_card(config: ModelConfig) -> str:
    """The card of a model that the ancestor's code trained, of whose training no more is known than the weights."""
    return f"""# A Music Transformer of the Ambient Music Generator, imported

The weights of a checkpoint that the Ambient Music Generator of 2020 (TensorFlow 2) wrote, under Aeolian's names: the
logits are those of its own code. On what it was trained, by whom, for how long and under which licence, the checkpoint
does not say.

{_facts(config)}

It does not know the token START: it plays on from a seed, and better from a longer one.

## Use

    python3 generate.py --load_path <this folder> --inputs seed.mid --length 2048 --save_path new-song.mid
"""


def _augmentation(training: Mapping[str, Any]) -> str:
    how, plain = training["augmentation"], training["plain_share"]
    if not any(how.values()):
        return "Windows were left as they are in the songs."
    but = f", but for the last {plain:.0%} of the training" if plain else ""
    return (
        f"Windows were transposed by up to {how['semitones']} semitones, stretched by up to {how['stretch']:.0%}, and "
        f"made\nlouder or softer by up to {how['velocity_bins']} velocity bins{but}."
    )


def _facts(config: ModelConfig) -> str:
    return f"""| | |
|---|---|
| architecture | {config.architecture} |
| parameters | {count(config):,} |
| layers × width, heads, inner width | {config.num_layers} × {config.d_model}, {config.num_heads}, {config.d_ff} |
| activation; convolution on queries, keys, values | {config.activation}; {_convolution(config.convolution)} |
| context | {config.max_seq} tokens |
| vocabulary | {config.vocabulary_size} tokens (`vocabulary.json`) |"""


def _convolution(width: int) -> str:
    return f"over {width} tokens" if width > 1 else "none"


def _nats(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
