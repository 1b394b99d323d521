"""File names: what Pachyderm accepts, what a stage writes, and how two names never become one.

The rule is that of `scripts/name-standarizer.sh` (spaces go, capitals become small), and two more: letters
outside ASCII are transliterated, and characters that Pachyderm refuses become `-`. It refuses everything but
printable ASCII, the glob characters `*?[]{}!()@+^`, and the path components `.` and `..`
(Pachyderm 2.12, `src/internal/errutil` and `src/server/pfs/server`; see `docs/engine.md`).

Pure: strings in, strings out. `python3 -m aeolian.names` is the same for shell scripts: see `main`.
"""

import hashlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

REFUSED_CHARACTERS = frozenset("*?[]{}!()@+^")
# Most names; a part of dots alone takes the longer way.
_PLAIN = re.compile(r"/?[\w -][\w. -]*(/[\w -][\w. -]*)*", re.ASCII)

# Letters that Unicode does not decompose into an ASCII letter and a mark.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
        "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng",
        "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "", "‘": "", "“": "", "”": "", "…": "", "\u00a0": " ",
    }
)  # fmt: skip

# Cyrillic after BGN/PCGN and Greek after ELOT 743, without marks: enough to recognise a title by.
_ALPHABETS = (
    (
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћџѓќѕђ",
        "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya i yi ye g w j lj nj c dz g k dz dj",
    ),
    ("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o"),
)
for _letters, _latins in _ALPHABETS:
    for _letter, _latin in zip(_letters, _latins.split(" "), strict=True):
        _LETTERS |= {ord(_letter.upper()): _latin.capitalize(), ord(_letter): _latin}
# Syllables whose Unicode names end in their sound: HIRAGANA LETTER KA, HANGUL SYLLABLE GA.
_SYLLABLE = re.compile(r"(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?([A-Z]+)|HANGUL SYLLABLE ([A-Z]+)")

# What convert takes for audio by its name; a file with another name is tried too, by its content.
AUDIO_EXTENSIONS = frozenset({
    "mp3", "mp2", "mp1", "m4a", "m4b", "mp4", "aac", "flac", "ogg", "oga", "opus",
    "spx", "wav", "wave", "aif", "aiff", "aifc", "afc", "wma", "asf", "webm", "mka",
    "mkv", "mov", "ape", "wv", "tta", "ac3", "amr", "au", "caf",
})  # fmt: skip
# MIDI files, those with words for karaoke and those in a RIFF wrapper among them.
MIDI_EXTENSIONS = frozenset({"mid", "midi", "kar", "rmi"})
_PLAIN_EXTENSION = "mp3"
_FINGERPRINT = re.compile(r"-[0-9a-f]{6}$")
_MAX_STEM_CHARACTERS = 120


def named_as_audio(path: str) -> bool:
    """Whether the name promises a recording, by its extension in any case."""
    return PurePosixPath(path).suffix.lower().lstrip(".") in AUDIO_EXTENSIONS


def named_as_midi(path: str) -> bool:
    """Whether the name promises a MIDI file, by its extension in any case."""
    return PurePosixPath(path).suffix.lower().lstrip(".") in MIDI_EXTENSIONS


def printable(name: str) -> str:
    """`name` fit to be shown or kept as text: bytes that are no UTF-8 and control characters as escapes (`\\xff`)."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def transliterate(text: str) -> str:
    """`text` in ASCII: marks dropped (é → e), special letters and other alphabets spelled out (ß → ss, Ж → Zh).

    Cyrillic, Greek, kana and hangul are spelled letter by letter; what has no letters, like kanji, is removed.
    """
    composed = unicodedata.normalize("NFC", text)
    spelled = "".join(c if c.isascii() else _spelled(c) for c in composed)
    decomposed = unicodedata.normalize("NFKD", spelled)
    return "".join(c for c in decomposed if c.isascii() and c.isprintable())


def _spelled(character: str) -> str:
    if ord(character) in _LETTERS:
        return _LETTERS[ord(character)]
    if syllable := _SYLLABLE.fullmatch(unicodedata.name(character, "")):
        return (syllable[1] or syllable[2]).lower()
    base = unicodedata.normalize("NFKD", character)[0]
    return _LETTERS.get(ord(base), character)


def refusal(path: str) -> str | None:
    """Why Pachyderm would refuse this repo path, or None if it would take it."""
    if _PLAIN.fullmatch(path):
        return None
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


def _fingerprint(name: str, digits: int = 6) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:digits]


def standard_stem(path: str) -> str:
    """The standard name, without extension, of the file at this relative path: `Sub/My Söng.MP3` → `sub-mysong`."""
    pure = PurePosixPath(path)
    extension = pure.suffix.lower().lstrip(".")
    named = pure.with_suffix("") if extension in AUDIO_EXTENSIONS | MIDI_EXTENSIONS else pure
    text = transliterate("-".join(named.parts)).lower()
    text = re.sub(r"\s+", "", text)
    text = re.sub(r"[^a-z0-9._-]+", "-", text)
    text = re.sub(r"-{2,}", "-", text).strip("-.")
    return text[:_MAX_STEM_CHARACTERS].rstrip("-.") or "untitled"


def injective_stem(path: str, *, plain_extension: str = "") -> str:
    """A standard name that no other file's can equal, found without looking at the others.

    A worker that sees one song of many needs it: outputs of all songs meet in one folder. `song.mp3` is plain
    `song`; `song.flac` is `song-flac`; a name that lost something on the way (capitals, spaces, letters)
    carries six digits of its SHA-256: `My Song.mp3` → `mysong-d9f1c4`.

    With `plain_extension`, files so named come from an earlier stage and have standard names that differ:
    they keep them (`song-flac.wav` → `song-flac`), and every other file carries its six digits.
    """
    stem, extension = standard_stem(path), PurePosixPath(path).suffix.lstrip(".")
    if plain_extension:
        return stem if path == f"{stem}.{plain_extension}" else _marked(stem, path)
    tail = stem.rpartition("-")[2]
    ambiguous = tail in AUDIO_EXTENSIONS or _FINGERPRINT.search(stem)
    if not ambiguous and path == f"{stem}.{_PLAIN_EXTENSION}":
        return stem
    if not ambiguous and extension in AUDIO_EXTENSIONS and path == f"{stem}.{extension}":
        return f"{stem}-{extension}"
    return _marked(stem, path)


def _marked(stem: str, path: str, digits: int = 6) -> str:
    """`stem` with digits of the path's SHA-256, in place of those that `acceptable` may have given it."""
    return f"{_FINGERPRINT.sub('', stem)}-{_fingerprint(path, digits)}"


def assign_stems(paths: Iterable[str], *, alone: bool = False, plain_extension: str = "") -> dict[str, str]:
    """One distinct standard name for each path.

    A name that only one path claims is plain; where several claim it, each gets its `injective_stem`.
    With `alone`, the paths are part of a larger set that cannot be seen, so every name is injective.
    """
    paths = sorted(set(paths))
    injective = {path: injective_stem(path, plain_extension=plain_extension) for path in paths}
    if alone:
        return injective
    claims = Counter(standard_stem(path) for path in paths)
    return _distinct({p: standard_stem(p) if claims[standard_stem(p)] == 1 else injective[p] for p in paths}, "")


def assign_file_names(paths: Iterable[str]) -> dict[str, str]:
    """One distinct standard file name for each path, extension kept: `Sub/My Söng.MP3` → `sub-mysong.mp3`."""
    names = {}
    for path in sorted(set(paths)):
        extension = re.sub(r"[^a-z0-9]", "", transliterate(PurePosixPath(path).suffix.lower()))
        names[path] = f"{standard_stem(path)}.{extension}" if extension else standard_stem(path)
    return _distinct(names, ".")


def _distinct(names: dict[str, str], before_extension: str) -> dict[str, str]:
    """`names` (of paths) with digits of the path's SHA-256 added wherever two were equal, until none are."""
    digits = 6
    while len(set(names.values())) < len(names):
        taken = Counter(names.values())
        for path, name in names.items():
            if taken[name] > 1:
                _, dot, extension = name.rpartition(before_extension) if before_extension else ("", "", "")
                names[path] = f"{_marked(standard_stem(path), path, digits)}{dot}{extension if dot else ''}"
        digits += 2
    return names


def main() -> None:
    """Reads NUL-separated paths; for those named as recordings writes path, NUL, standard file name, NUL."""
    paths = [path.decode("utf-8", "surrogateescape") for path in sys.stdin.buffer.read().split(b"\0") if path]
    for path, name in assign_file_names(filter(named_as_audio, paths)).items():
        sys.stdout.buffer.write(f"{path}\0{name}\0".encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    main()
