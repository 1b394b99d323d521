"""A bill of materials for every image: its packages with version and licence, as CycloneDX 1.5, and as a table.

    make sbom                       writes build/sbom/IMAGE.cdx.json, one for each requirements/IMAGE.txt
    python scripts/sbom.py --table  the table alone

Licences are what the installed packages say of themselves. Programs and data that lie inside a wheel under a licence of
their own are listed too. What the base image holds is added where Docker has the image: Debian's packages, whose
licences lie in the image below /usr/share/doc. The same pins give the same bytes.
"""

import argparse
import json
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
# What a wheel carries under another licence than its own code: (package, what, licence).
INSIDE = {
    "imageio-ffmpeg": [("ffmpeg", "GPL-3.0-or-later")],
    "pretty-midi": [("TimGM6mb.sf2", "GPL-2.0-only")],
    "soundfile": [("libsndfile", "LGPL-2.1-or-later")],
    "basic-pitch": [("nmp.onnx", "Apache-2.0")],
    "numpy": [("OpenBLAS", "BSD-3-Clause")],
    "scipy": [("OpenBLAS", "BSD-3-Clause")],
    "python-stretch": [("Signalsmith Stretch", "MIT")],
}
# Classifiers and free texts, as packages write them, in the words of SPDX.
SPDX = {
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
}


def licence_of(package: Distribution) -> str:
    """What a package says of its licence, in SPDX's words where it says something that we know."""
    about = package.metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    named = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or [] if text.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    if not named and (text := str(about.get("License") or "").strip()):
        named = [text.splitlines()[0]]
    both = " OR " if about.get("License") == "Dual License" else " AND "
    return both.join(SPDX.get(name, name) for name in named) or _from_text(package) or "unknown"


def _from_text(package: Distribution) -> str:
    """The licence whose text the package carries, of those that begin with their name."""
    for file in package.files or []:
        if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
            head = file.read_text()[:400]
            for title, licence in (("Apache License", "Apache-2.0"), ("MIT License", "MIT")):
                if title in head:
                    return licence
    return ""


def pinned(image: str) -> list[tuple[str, str]]:
    """Name and version of each package of an image."""
    lines = (ROOT / "requirements" / f"{image}.txt").read_text().splitlines()
    return [(name, version) for name, _, version in (line.partition("==") for line in lines)]


def components(image: str) -> list[dict[str, str]]:
    """The packages of an image, and what lies inside of them, by name: name, version, licence, purl."""
    found = []
    for name, version in pinned(image):
        try:
            package = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"error: {name} is not installed here, so its licence is not known. Run `make setup`.")
        if package.version != version:
            sys.exit(f"error: {name} is {package.version} here and {version} in the image. Run `make setup`.")
        purl = f"pkg:pypi/{name.lower()}@{version}"
        found.append({"name": name, "version": version, "licence": licence_of(package), "purl": purl})
        for what, licence in INSIDE.get(name, []):
            within = {"name": f"{what} (in {name})", "version": version, "licence": licence, "purl": f"{purl}#{what}"}
            found.append(within)
    return found


def debian_packages(image: str, version: str) -> list[dict[str, str]]:
    """What dpkg lists in the image; empty where Docker or the image is not here."""
    if not shutil.which("docker"):
        return []
    query = ["dpkg-query", "-W", "-f=${Package} ${Version}\\n"]
    argv = ["docker", "run", "--rm", "--network=none", f"--entrypoint={query[0]}", f"aeolian/{image}:{version}"]
    done = subprocess.run([*argv, *query[1:]], capture_output=True, text=True, check=False)
    pairs = [line.split(" ", 1) for line in done.stdout.splitlines()] if done.returncode == 0 else []
    licence = "see /usr/share/doc/{}/copyright in the image"
    return [
        {"name": name, "version": version, "licence": licence.format(name), "purl": f"pkg:deb/debian/{name}@{version}"}
        for name, version in pairs
    ]


def cyclonedx(image: str, version: str, parts: list[dict[str, str]]) -> str:
    """The bill in CycloneDX 1.5."""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": f"aeolian/{image}", "version": version}},
        "components": [
            {
                "type": "library",
                "name": part["name"],
                "version": part["version"],
                "purl": part["purl"],
                "licenses": [{"license": {"name": part["licence"]}}],
            }
            for part in parts
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes a bill for each image, and prints the packages that images have, with their licences."""
    from aeolian import __version__

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the table alone, write nothing")
    arguments = parser.parse_args()
    images = sorted(path.name.removesuffix(".Dockerfile") for path in (ROOT / "dockerfiles").glob("*.Dockerfile"))
    bills = {image: components(image) for image in images}
    rows = {(part["name"], part["version"], part["licence"]) for parts in bills.values() for part in parts}
    for name, version, licence in sorted(rows, key=lambda row: row[0].lower()):
        within = [image for image, parts in bills.items() if any(part["name"] == name for part in parts)]
        print(f"{name:<36} {version:<14} {licence:<52} {', '.join(within)}")
    if arguments.table:
        return
    folder = ROOT / "build" / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    for image, parts in bills.items():
        base = debian_packages(image, __version__)
        (folder / f"{image}.cdx.json").write_text(cyclonedx(image, __version__, parts + base), encoding="utf-8")
        told = f"{len(base)} of Debian" if base else "not what the base image holds: Docker has no such image here"
        print(f"{folder / image}.cdx.json: {len(parts)} packages, {told}", file=sys.stderr)


if __name__ == "__main__":
    main()
