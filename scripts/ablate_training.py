"""What each part of the training recipe is worth: the same songs and time (or epochs), one thing changed in each run.

    python scripts/ablate_training.py --input_path examples/ --save_path /tmp/ablation --minutes 2 --parallel 4

Each run is `train.py` with the options of `VARIATIONS`; runs side by side share the machine and its
time. A run whose folder is complete is not repeated. Prints the table that docs/training.md shows.
"""

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TRAIN = Path(__file__).parent.parent / "containers/musictransformer/train.py"
BASE = {
    "optimizer": "adam",
    "activation": "relu",
    "convolution": 1,
    "schedule": "cosine",
    "dropout": 0.1,
    "transpose": 3,
    "stretch": 0.05,
    "velocity_bins": 2,
    "plain_share": 0,
    "weight_decay": 0,
}
VARIATIONS: dict[str, dict[str, object]] = {
    "the recipe to start from": {},
    "no augmentation": {"transpose": 0, "stretch": 0, "velocity_bins": 0},
    "transpose ±6": {"transpose": 6},
    "stretch ±10 %": {"stretch": 0.1},
    "no dropout": {"dropout": 0.0},
    "dropout 0.2": {"dropout": 0.2},
    "moving average 0.999": {"ema": 0.999},
    "label smoothing 0.05": {"label_smoothing": 0.05},
    "weight decay 0.1": {"weight_decay": 0.1},
    "Noam's schedule": {"schedule": "noam"},
    "peak learning rate 2e-3": {"l_r": 2e-3},
    "Muon, peak learning rate 4e-3": {"optimizer": "muon", "l_r": 4e-3},
    "no augmentation in the last tenth": {"plain_share": 0.1},
    "squared ReLU": {"activation": "squared_relu"},
    "convolution over 3 tokens": {"convolution": 3},
    "inner width 1024": {"d_ff": 1024},
    "8 layers": {"num_layers": 8},
    "the ancestor, model and recipe": {"architecture": "ancestor", "batch_size": 2},
}


def main() -> None:
    """Runs what is not there yet and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input_path", required=True)
    parser.add_argument("--save_path", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="the same time for every run")
    parser.add_argument("--epochs", type=int, default=100_000, help="or the same number of passes over the songs")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--only", default="", help="numbers of variations, with commas; by default all")
    parser.add_argument("options", nargs="*", help="further options of train.py for every run, after --")
    arguments = parser.parse_args()
    chosen = list(VARIATIONS.items())
    if arguments.only:
        chosen = [chosen[int(number)] for number in arguments.only.split(",")]

    def run(item: tuple[str, dict[str, object]]) -> tuple[str, dict[str, float] | None]:
        name, changes = item
        folder = arguments.save_path / "".join(c if c.isalnum() else "-" for c in name)
        if not (folder / "config.json").is_file():
            recipe = changes if "architecture" in changes else BASE | changes
            named = [f"--{key}={value}" for key, value in recipe.items()]
            fixed = [f"--input_path={arguments.input_path}", f"--save_path={folder}", "--patience=0"]
            fixed += [f"--epochs={arguments.epochs}", *arguments.options]
            fixed += [f"--minutes={arguments.minutes}"] if arguments.minutes else []
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log.txt").open("w") as log:
                subprocess.run([sys.executable, str(TRAIN), *fixed, *named], stdout=log, stderr=log, check=False)
        path = folder / "metrics.json"
        return name, json.loads(path.read_text()) if path.is_file() else None

    with ThreadPoolExecutor(arguments.parallel) as pool:
        results = list(pool.map(run, chosen))
    base = results[0][1]
    print("| change | validation NLL | against the first | test NLL | training NLL | steps |")
    print("|---|---|---|---|---|---|")
    for name, metrics in results:
        if metrics is None or base is None:
            print(f"| {name} | failed: see log.txt | | | | |")
            continue
        nll, difference = metrics["validation_nll"], metrics["validation_nll"] - base["validation_nll"]
        test = "–" if metrics["test_nll"] is None else f"{metrics['test_nll']:.3f}"
        train = f"{metrics['train_nll']:.3f}"
        print(f"| {name} | {nll:.3f} | {difference:+.3f} | {test} | {train} | {metrics['steps']:,} |")


if __name__ == "__main__":
    main()
