"""Environments of their own for the peers that benchmarks measure beside, from requirements/peers/."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"


def environment(peer: str) -> Path | None:
    """The `bin` of an environment with `requirements/peers/<peer>.txt`, made once below the folder for temporary files.

    None, with the reason told, where its packages cannot be had.
    """
    pins = ROOT / "requirements" / "peers" / f"{peer}.txt"
    version = next(line for line in pins.read_text().splitlines() if line.startswith(f"{peer}=="))
    home = Path(tempfile.gettempdir(), f"aeolian-peer-{version.replace('==', '-')}")
    if not (home / "ready").exists():
        print(f"installing {version} in {home}", flush=True)
        install = [str(UV), "pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "-r", str(pins)]
        for command in (
            [str(UV), "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
            [*install, "--python", str(home / "bin" / "python")],
        ):
            if subprocess.run(command, check=False).returncode:
                print(f"not measured: {version} cannot be installed here. By hand: {' '.join(install[1:])}")
                return None
        (home / "ready").touch()
    return home / "bin"
