"""The pieces: seven seeds and nine clips, each a texture, a key, a pulse, a harmony and a form."""

from collections.abc import Callable
from dataclasses import dataclass

from composer import textures
from composer.piece import Piece
from composer.theory import Key


@dataclass(frozen=True)
class Seed:
    """A piece for `samples/midi/<number>.mid`."""

    number: int
    piece: Callable[[], Piece]


@dataclass(frozen=True)
class Clip:
    """A piece for `samples/audio/`: its file name, format and sound."""

    name: str
    piece: Callable[[], Piece]
    sample_rate_hz: int
    channels: int
    pad: float = 0.0  # level of the warm pad under the bass notes
    wet: float = 0.13  # level of the room

    @property
    def bitrate(self) -> str:
        """Of the MP3."""
        return "112k" if self.channels == 2 else "64k"


def _waltz(title: str, key: Key, bpm: float, seed: int, harmony: str, form: str, **options: int) -> Piece:
    piece = Piece(title, key, bpm, 3, seed)
    textures.waltz(piece, harmony, form, **options)
    return piece


def _tide(title: str, key: Key, bpm: float, seed: int, harmony: str, form: str, meter: int, **options: int) -> Piece:
    piece = Piece(title, key, bpm, meter, seed)
    textures.tide(piece, harmony, form, **options)
    return piece


def _song(title: str, key: Key, bpm: float, seed: int, harmony: str, form: str, **options: int) -> Piece:
    piece = Piece(title, key, bpm, 4, seed)
    textures.song(piece, harmony, form, **options)
    return piece


def _bells(title: str, key: Key, bpm: float, seed: int, lengths: tuple[int, ...]) -> Piece:
    piece = Piece(title, key, bpm, 4, seed)
    textures.bells(piece, lengths)
    return piece


def _loops(
    title: str, key: Key, seed: int, lines: tuple[tuple[float, str, int], ...], beats: float, base: int = 0
) -> Piece:
    piece = Piece(title, key, 60.0, 4, seed)
    textures.loops(piece, lines, beats, base=base)
    return piece


def _pulse(title: str, key: Key, bpm: float, seed: int, harmony: str, bars: int) -> Piece:
    piece = Piece(title, key, bpm, 3, seed)
    textures.pulse(piece, harmony, bars)
    return piece


def _musicbox(title: str, key: Key, bpm: float, seed: int, harmony: str, form: str, **options: int) -> Piece:
    piece = Piece(title, key, bpm, 4, seed)
    textures.musicbox(piece, harmony, form, **options)
    return piece


SLOW_WEATHER = (
    (17.3, "7 _ 9", 54),
    (21.9, "3 _ _ 5 8", 49),
    (15.7, "-14 _ -7", 50),
    (26.1, "11 9 _ 8", 56),
    (19.4, "-3 _ 0", 44),
    (31.0, "13 _ 12 _ 9", 45),
    (11.3, "2", 42),
)
PHASE_GARDEN = "1:9 1:s4 7:9 4:9/1 2:7 4:6 5:11 1:9"
PAPER_LANTERNS = "1:9 5:7 7:9 4:9 3:7 2:7 5:s4 1:9"
TIDE_TABLE = "1:9 3 6:7 7:s4 4:9 1/3 6:9 7"
LULLABY = "1:9 6:7 4:9 5:s4 1/3 2:7 4:6 5"
LIED = "1:9 6:7 4:9 5:s4 3:7 6 2:7 5"
VINDHARPA = (
    (14.1, "7 _ 9", 56),
    (11.7, "-14 _ -7 -3", 50),
    (17.9, "11 _ 9 8 7", 58),
    (9.3, "3", 48),
    (13.3, "-1 _ 2", 46),
    (7.9, "12", 44),
)

SEEDS = (
    Seed(1, lambda: _waltz("First Frost", Key("A", "aeolian"), 69, 11, "1:9 6:7 3 7:s4 4:7 1 6:7 5:7", "-atbho")),
    Seed(2, lambda: _bells("Tin Bells in Snow", Key("B", "aeolian"), 58, 12, (3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3))),
    Seed(3, lambda: _loops("Slow Weather", Key("Eb", "lydian"), 13, SLOW_WEATHER, 226.0)),
    Seed(4, lambda: _pulse("Phase Garden", Key("E", "mixolydian"), 104, 14, PHASE_GARDEN, 10)),
    Seed(5, lambda: _song("Paper Lanterns", Key("D", "dorian"), 66, 15, PAPER_LANTERNS, "-aibhat", rhythm=0)),
    Seed(6, lambda: _tide("Tide Table", Key("F#", "aeolian"), 84, 16, TIDE_TABLE, "-aob-hot", 3)),
    Seed(7, lambda: _musicbox("Lullaby for an Empty Room", Key("F", "ionian"), 84, 17, LULLABY, "abo")),
)

CLIPS = (
    Clip(
        "still water.mp3",
        lambda: _tide("still water", Key("Eb", "ionian"), 84, 21, "1:9 6:7 4:9 5:s4", "aot", 4),
        sample_rate_hz=44_100,
        channels=2,
    ),
    Clip(
        "Été sans fin.mp3",
        lambda: _waltz("Été sans fin", Key("G", "lydian"), 92, 22, "1:9 2:6 1 6:7", "aih"),
        sample_rate_hz=48_000,
        channels=1,
    ),
    Clip(
        "Vindharpa – Ólafsvík (live).mp3",
        lambda: _loops("Vindharpa – Ólafsvík (live)", Key("C", "lydian"), 23, VINDHARPA, 46.0),
        sample_rate_hz=48_000,
        channels=2,
        pad=0.05,
        wet=0.16,
    ),
    Clip(
        "Glass Rain.mp3",
        lambda: _pulse("Glass Rain", Key("A", "ionian"), 108, 24, "1:9 6:7 4:9 1/3", 5),
        sample_rate_hz=44_100,
        channels=2,
    ),
    Clip(
        "03 Tintinnabula.mp3",
        lambda: _bells("Tintinnabula", Key("G", "aeolian"), 66, 25, (3, 4, 5, 6, 5, 4)),
        sample_rate_hz=44_100,
        channels=1,
    ),
    Clip(
        "Night Ferry.mp3",
        lambda: _song("Night Ferry", Key("C", "dorian"), 74, 26, "1:9 4:9 7:7 3:7", "ah", rhythm=3),
        sample_rate_hz=44_100,
        channels=2,
        pad=0.04,
    ),
    Clip(
        "Lied für Mara.mp3",
        lambda: _song("Lied für Mara", Key("Bb", "ionian"), 70, 27, LIED, "ao", rhythm=1),
        sample_rate_hz=48_000,
        channels=2,
    ),
    Clip(
        "spieluhr_no_2.mp3",
        lambda: _musicbox("Spieluhr No. 2", Key("D", "ionian"), 92, 28, "1:9 3:7 4:9 5:s4", "aho"),
        sample_rate_hz=44_100,
        channels=1,
    ),
)

# What the demo adds when the rest is done.
LATER = (
    Clip(
        "One More Wave.mp3",
        lambda: _tide("One More Wave", Key("B", "aeolian"), 96, 29, "1:9 6:7 3 7:s4", "aho", 3),
        sample_rate_hz=44_100,
        channels=2,
    ),
)
