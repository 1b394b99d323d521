"""Trains a model and the ancestor's, with the ancestor's recipe, side by side: same songs, machine and minutes.

    python scripts/train_beside_ancestor.py --input_path examples/ --save_path both/ --minutes 8 -- --precision=…

What comes after `--` goes to both; `--ours` changes what is ours alone. Both share the machine from the first to the
last minute, so neither has more of it than the other. Prints what both then know of the songs that were held out.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).parent.parent / "containers/musictransformer/train.py"
# The shipped model's: the defaults, but wider, in larger batches, and with a schedule that ends with the clock.
OURS = "--architecture aeolian --d_ff 1024 --batch_size 8 --steps_per_epoch 800 --warmup_steps 300"
ANCESTORS = "--architecture ancestor --batch_size 2 --steps_per_epoch 3200"


def main() -> None:
    """Trains both and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input_path", required=True)
    parser.add_argument("--save_path", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--ours", default=OURS, help="options of train.py")
    parser.add_argument("options", nargs="*", help="further options of train.py for both, after --")
    arguments = parser.parse_args()
    fixed = [f"--input_path={arguments.input_path}", f"--minutes={arguments.minutes}"]
    fixed += ["--epochs=100000", "--patience=0", *arguments.options]
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # else the first to come takes all memory
    running = {}
    for name, recipe in (("ours", arguments.ours), ("ancestor", ANCESTORS)):
        folder = arguments.save_path / name
        folder.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, str(TRAIN), *fixed, f"--save_path={folder}", *shlex.split(recipe)]
        with (arguments.save_path / f"{name}.log").open("w") as log:
            running[name] = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
    failed = [name for name, process in running.items() if process.wait()]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; see the .log files in {arguments.save_path}")
    found = {name: json.loads((arguments.save_path / name / "metrics.json").read_text()) for name in running}
    print("| | steps | tokens a second | training | validation | test |\n|---|---|---|---|---|---|")
    for name, metrics in found.items():
        nlls = (metrics[f"{split}_nll"] for split in ("train", "validation", "test"))
        figures = " | ".join("–" if nll is None else f"{nll:.3f}" for nll in nlls)
        print(f"| {name} | {metrics['steps']:,} | {metrics['tokens_per_second']:,.0f} | {figures} |")


if __name__ == "__main__":
    main()
