"""File names: what Pachyderm accepts, what a stage writes, and how two names never become one.

The rule is that of `scripts/name-standarizer.sh` (spaces go, capitals become small), and two more: letters
outside ASCII are transliterated, and characters that Pachyderm refuses become `-`. It refuses everything but
printable ASCII, the glob characters `*?[]{}!()@+^`, and the path components `.` and `..`
(Pachyderm 2.12, `src/internal/errutil` and `src/server/pfs/server`; see `docs/engine.md`).

Pure: strings in, strings out.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

REFUSED_CHARACTERS = frozenset("*?[]{}!()@+^")

# Letters that Unicode does not decompose into an ASCII letter and a mark.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
        "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng",
        "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "", "‘": "", "“": "", "”": "", "…": "", "\u00a0": " ",
    }
)  # fmt: skip

# What convert takes for audio by its name; a file with another name is tried too, by its content.
AUDIO_EXTENSIONS = frozenset(
    "mp3 mp2 mp1 m4a m4b mp4 aac flac ogg oga opus spx wav wave aif aiff aifc afc wma asf webm mka mkv mov ape wv tta ac3 amr au caf"
    .split()
)  # fmt: skip
_PLAIN_EXTENSION = "mp3"
_FINGERPRINT = re.compile(r"-[0-9a-f]{6}$")
_MAX_STEM_CHARACTERS = 120


def named_as_audio(path: str) -> bool:
    """Whether the name promises a recording, by its extension in any case."""
    return PurePosixPath(path).suffix.lower().lstrip(".") in AUDIO_EXTENSIONS


def transliterate(text: str) -> str:
    """`text` in ASCII: marks dropped (é → e), special letters spelled out (ß → ss), all else removed."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(c for c in decomposed if c.isascii() and c.isprintable())


def refusal(path: str) -> str | None:
    """Why Pachyderm would refuse this repo path, or None if it would take it."""
    for character in path:
        if not (character.isascii() and character.isprintable()):
            return f"{character!r} is not a printable ASCII character"
        if character in REFUSED_CHARACTERS:
            return f"{character!r} has a meaning in globs"
    for part in path.strip("/").split("/"):
        if part in ("", ".", ".."):
            return f"{part!r} cannot be a part of a path"
    return None


def acceptable(path: str) -> str:
    """The nearest name that Pachyderm accepts: the same path, if it does already.

    A name that had to change carries six hexadecimal digits of the SHA-256 of the old one, so that two
    different names never become one, whatever else the folder holds.
    """
    if refusal(path) is None:
        return path
    parts = [part for part in path.split("/") if part not in ("", ".", "..")] or ["file"]
    return "/".join(_acceptable_part(part) for part in parts)


def _acceptable_part(part: str) -> str:
    if refusal(part) is None:
        return part
    stem, dot, extension = part.rpartition(".")
    if not stem:
        stem, dot, extension = part, "", ""
    return f"{_ascii_stem(stem)}-{_fingerprint(part)}{dot}{_ascii_stem(extension) if dot else ''}"


def _ascii_stem(text: str) -> str:
    text = "".join("-" if c in REFUSED_CHARACTERS else c for c in transliterate(text))
    return re.sub(r"-{2,}", "-", text).strip("- ") or "untitled"


def _fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]


def standard_stem(path: str) -> str:
    """The standard name, without extension, of the file at this relative path: `Sub/My Söng.MP3` → `sub-mysong`."""
    pure = PurePosixPath(path)
    extension = pure.suffix.lower().lstrip(".")
    named = pure.with_suffix("") if extension in AUDIO_EXTENSIONS | {"mid", "midi"} else pure
    text = transliterate("-".join(named.parts)).lower()
    text = re.sub(r"\s+", "", text)
    text = re.sub(r"[^a-z0-9._-]+", "-", text)
    text = re.sub(r"-{2,}", "-", text).strip("-.")
    return text[:_MAX_STEM_CHARACTERS].rstrip("-.") or "untitled"


def injective_stem(path: str) -> str:
    """A standard name that no other file's can equal, found without looking at the others.

    A worker that sees one song of many needs it: outputs of all songs meet in one folder. `song.mp3` is plain
    `song`; `song.flac` is `song-flac`; a name that lost something on the way (capitals, spaces, letters)
    carries six digits of its SHA-256: `My Song.mp3` → `mysong-d9f1c4`.
    """
    stem, extension = standard_stem(path), PurePosixPath(path).suffix.lstrip(".")
    tail = stem.rpartition("-")[2]
    ambiguous = tail in AUDIO_EXTENSIONS or _FINGERPRINT.search(stem)
    if not ambiguous and path == f"{stem}.{_PLAIN_EXTENSION}":
        return stem
    if not ambiguous and extension in AUDIO_EXTENSIONS and path == f"{stem}.{extension}":
        return f"{stem}-{extension}"
    return f"{stem}-{_fingerprint(path)}"


def assign_stems(paths: Iterable[str], *, alone: bool = False) -> dict[str, str]:
    """One distinct standard name for each path.

    A name that only one path claims is plain; where several claim it, each gets its `injective_stem`.
    With `alone`, the paths are part of a larger set that cannot be seen, so every name is injective.
    """
    paths = sorted(set(paths))
    if alone:
        return {path: injective_stem(path) for path in paths}
    claims = Counter(standard_stem(path) for path in paths)
    chosen = {p: standard_stem(p) if claims[standard_stem(p)] == 1 else injective_stem(p) for p in paths}
    taken = Counter(chosen.values())
    return {p: stem if taken[stem] == 1 else f"{standard_stem(p)}-{_fingerprint(p)}" for p, stem in chosen.items()}
