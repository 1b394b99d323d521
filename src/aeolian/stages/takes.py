"""What a transcriber learns from, made ready: recordings cut into takes, songs performed and rendered by soundfonts.

Each take depends on its inputs, the seed and its number alone, so that several processes make them in any order, and a
run that was killed makes only those that are missing.
"""

import hashlib
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aeolian.errors import InputError
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.report import StageReport
from aeolian.transcription.mel import HOP_SAMPLES, SAMPLE_RATE_HZ
from aeolian.transcription.training.corpus import Song
from aeolian.transcription.training.takes import Take, find_take

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aeolian.music.notes import Notes
    from aeolian.music.pedal import PedalEvents

log = logging.getLogger(__name__)

RENDER_HZ = 2 * SAMPLE_RATE_HZ
SHORTEST_TAKE_S, LONGEST_TAKE_S = 40.0, 100.0
TAIL_S = 1.5
MEAN_TAKE_S = (SHORTEST_TAKE_S + LONGEST_TAKE_S) / 2 + TAIL_S
TEXTURE_SHARE = 0.15
LARGEST_DETUNE_CENTS = 20.0
# General MIDI's pianos, counted from 0, and how often each is played where a soundfont has it.
PIANOS = {0: 0.55, 1: 0.27, 2: 0.06, 3: 0.09, 4: 0.03}
PIECE_S = 300.0  # of a long recording


@dataclass(frozen=True, eq=False)
class Rendering:
    """One take to be rendered."""

    folder: Path
    number: int
    seed: int
    song: Song | None
    soundfonts: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.number:06d}"


def renderings(
    folder: Path, songs: Sequence[Song], soundfonts: Sequence[Path], *, count: int, seed: int, textures: bool = True
) -> list[Rendering]:
    """`count` takes: the songs in a shuffled order, again and again, and textures in between."""
    rng = np.random.default_rng(seed)
    order: list[int] = []
    made = []
    for number in range(count):
        if textures and (not songs or rng.random() < TEXTURE_SHARE):
            song = None
        else:
            order = order or rng.permutation(len(songs)).tolist()
            song = songs[order.pop()]
        made.append(Rendering(folder, number, seed, song, tuple(soundfonts)))
    return made


def render(job: Rendering) -> str:
    """Performs, plays and writes one take, unless it is there. Returns its name."""
    import soxr

    from aeolian.rendering import player
    from aeolian.transcription.training.performance import ringing, sounded
    from aeolian.transcription.training.takes import write_take

    if find_take(job.folder, job.name) is not None:
        return job.name
    rng = np.random.default_rng([job.seed, job.number])
    notes, pedal, duration_s = performed(job, rng)
    notes = ringing(notes, pedal)
    soundfont = job.soundfonts[int(rng.integers(len(job.soundfonts)))]
    program = _program(player.programs(soundfont), rng)
    cents = float(rng.normal(0, 0.4) * LARGEST_DETUNE_CENTS)
    played = notes.take(notes.onset_s < duration_s)
    sound = player.play(
        sounded(played, rng),
        min(duration_s, played.end_s) + TAIL_S,
        soundfont=soundfont,
        sample_rate_hz=RENDER_HZ,
        program=program,
        tuning_cents=float(np.clip(cents, -LARGEST_DETUNE_CENTS, LARGEST_DETUNE_CENTS)),
    )
    sound = soxr.resample(sound, RENDER_HZ, SAMPLE_RATE_HZ, quality="HQ")
    about = {"source": job.song.name if job.song else "texture", "soundfont": soundfont.name, "program": program}
    write_take(job.folder, job.name, sound, played, about)
    return job.name


def performed(job: Rendering, rng: np.random.Generator) -> "tuple[Notes, PedalEvents, float]":
    """What is played: how keys and pedal move, and for how long, in seconds."""
    from aeolian.transcription.training.performance import excerpt, pressed
    from aeolian.transcription.training.textures import texture

    duration_s = float(rng.uniform(SHORTEST_TAKE_S, LONGEST_TAKE_S))
    if job.song is None:
        notes, pedal = texture(rng, duration_s)
    else:
        latest_s = max(0.0, float(job.song.notes.onset_s.max()) - duration_s)
        notes, pedal = excerpt(job.song.notes, job.song.pedal, float(rng.uniform(0, latest_s)), duration_s)
    return *pressed(notes, pedal, rng), duration_s


def _program(there: Sequence[int], rng: np.random.Generator) -> int:
    pianos = [program for program in PIANOS if program in there] or list(there)[:1] or [0]
    share = np.array([PIANOS.get(program, 1.0) for program in pianos])
    return int(rng.choice(pianos, p=share / share.sum()))


class Renderer:
    """Makes takes in processes of its own, in order; `ready` are those that are done. A context manager."""

    def __init__(self, jobs: Sequence[Rendering], workers: int) -> None:
        self.jobs = list(jobs)
        for folder in {job.folder for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        # Spawned, not forked: a fork of a process with threads (TensorFlow's, JAX's) may hang.
        self._pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        self._futures: list[Future[str]] = [self._pool.submit(render, job) for job in self.jobs]
        self._takes: dict[int, Take] = {}
        self._next = 0

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def ready(self) -> list[Take]:
        """The takes that are done, without gaps, in order. Raises what went wrong in making one."""
        while self._next < len(self._futures) and self._futures[self._next].done():
            name = self._futures[self._next].result()
            take = find_take(self.jobs[self._next].folder, name)
            assert take is not None, "a take that is done is on disk"
            self._takes[self._next] = take
            self._next += 1
        return [take for take in self._takes.values() if take.frames]

    @property
    def total(self) -> int:
        """How many takes there will be."""
        return len(self._futures)

    @property
    def done(self) -> int:
        """How many there are."""
        return sum(future.done() for future in self._futures)

    def wait_for(self, count: int, tell: Callable[[int, int, str], None]) -> None:
        """Returns when the first `count` takes are done."""
        for number in range(min(count, len(self._futures))):
            self._futures[number].result()
            tell(number + 1, count, "")


def recorded(folder: Path, name: str, audio: Path, notes_file: Path, report: StageReport) -> list[Take]:
    """A recording and its notes as takes of at most five minutes. A file that cannot be used is told and left out."""
    from aeolian.transcription.resampling import mono_blocks
    from aeolian.transcription.training.corpus import read_truth

    takes: list[Take] = []
    with report.entry(name) as entry:
        stem = hashlib.sha256(f"{name} {audio.stat().st_size} ".encode() + notes_file.read_bytes()).hexdigest()[:16]
        takes = _found_pieces(folder, stem)
        if not takes:
            notes = read_truth(notes_file)
            if not len(notes):
                raise InputError(f"{notes_file.name} holds no notes.")
            with open_recording(audio) as reader:
                sound = np.concatenate([np.zeros(0, np.float32), *mono_blocks(reader, SAMPLE_RATE_HZ)])
            if len(sound) < HOP_SAMPLES:
                raise InputError("holds no samples.")
            _write_pieces(folder, stem, name, sound, notes)
            takes = _found_pieces(folder, stem)
        entry.details = {"takes": len(takes), "duration_s": round(sum(take.duration_s for take in takes), 2)}
    return takes


def _write_pieces(folder: Path, stem: str, name: str, sound: "NDArray[np.float32]", notes: "Notes") -> None:
    """The first piece last: when it is there, all are."""
    from aeolian.music.pedal import PedalEvents
    from aeolian.transcription.training.performance import excerpt
    from aeolian.transcription.training.takes import write_take

    folder.mkdir(parents=True, exist_ok=True)
    no_pedal = PedalEvents(np.zeros(0), np.zeros(0, np.int64))
    samples = round(PIECE_S * SAMPLE_RATE_HZ)
    for number in reversed(range(-(-len(sound) // samples))):
        heard, _ = excerpt(notes, no_pedal, number * PIECE_S, PIECE_S)
        piece = sound[number * samples : (number + 1) * samples]
        write_take(folder, f"{stem}-{number:03d}", piece, heard, {"source": name})


def _found_pieces(folder: Path, stem: str) -> list[Take]:
    found: list[Take] = []
    while (take := find_take(folder, f"{stem}-{len(found):03d}")) is not None:
        found.append(take)
    return [take for take in found if take.frames]
