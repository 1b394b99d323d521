"""MIDI → tokens: songs a second, beside note-seq and MidiTok on the same files; then the preprocess stage, whole.

    .venv/bin/python benchmarks/codec.py [FOLDER] [--songs 40]

FOLDER holds MIDI files; by default it is POP909, where that lies beside the project, else the seven seeds. note-seq and
we read the file, apply the pedal, quantise and encode; the tokens are compared too. MidiTok's MIDILike reads and
encodes, in an environment of its own. The limit is symusic's reading of the files, which both of us and MidiTok use.
All are warm, one process each, best of three; by the processor's own clock, so that other work here does not count.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import symusic
from note_seq import midi_io, sequences_lib
from note_seq.performance_encoder_decoder import PerformanceOneHotEncoding
from note_seq.performance_lib import Performance
from support.peers import environment

from aeolian.formats.midi import read_midi
from aeolian.music.codec import encode

ROOT = Path(__file__).resolve().parents[1]
POP909 = ROOT.parent / "shared" / "data" / "midi" / "pop909.tar.xz"
ENCODING = PerformanceOneHotEncoding(num_velocity_bins=32, max_shift_steps=100)
MIDITOK = """
import json, sys, time
from miditok import MIDILike, TokenizerConfig

tokenizer = MIDILike(TokenizerConfig(num_velocities=32))
seconds = []
for _ in range(3):
    start_s = time.process_time()
    for path in sys.argv[1:]:
        tokenizer.encode(path)
    seconds.append(time.process_time() - start_s)
print(json.dumps(min(seconds)))
"""


def ours(path: Path) -> list[int]:
    return encode(read_midi(path)).tolist()


def note_seqs(path: Path) -> list[int]:
    sequence = sequences_lib.apply_sustain_control_changes(midi_io.midi_file_to_note_sequence(str(path)))
    quantised = sequences_lib.quantize_note_sequence_absolute(sequence, 100)
    return [ENCODING.encode_event(e) for e in Performance(quantised, num_velocity_bins=32, max_shift_steps=100)]


def miditoks_s(paths: list[Path]) -> float | None:
    """Seconds of processor time for all files, or None where MidiTok cannot be had."""
    peer = environment("miditok")
    if peer is None:
        return None
    command = [str(peer / "python"), "-c", MIDITOK, *map(str, paths)]
    return float(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def preprocess_s(folder: Path, output: Path) -> tuple[float, int]:
    """Wall seconds of the stage as a program of its own, its start included, and how many songs it wrote."""
    script = ROOT / "containers" / "musictransformer" / "preprocess.py"
    start_s = time.perf_counter()
    subprocess.run([sys.executable, str(script), str(folder), str(output)], capture_output=True, check=True)
    return time.perf_counter() - start_s, len(list(output.glob("*.tfrecord")))


def best_s(work: object, rounds: int = 3) -> float:
    seconds = []
    for _ in range(rounds):
        start_s = time.process_time()
        work()
        seconds.append(time.process_time() - start_s)
    return min(seconds)


def measure(folder: Path, songs: int) -> None:
    paths = sorted(folder.rglob("*.mid"))[:songs]
    equal = sum(ours(path) == note_seqs(path) for path in paths)
    tokens = sum(len(ours(path)) for path in paths)
    ours_s = best_s(lambda: [encode(read_midi(path)) for path in paths])
    peers = {
        "note-seq": best_s(lambda: [note_seqs(path) for path in paths], 1),
        "MidiTok": miditoks_s(paths),
        "limit": best_s(lambda: [symusic.Score.from_midi(path.read_bytes()) for path in paths]),
    }
    print(f"{len(paths)} songs, {tokens:,} tokens; equal to note-seq's: {equal}")
    print(f"aeolian    {len(paths) / ours_s:9.1f} songs/s")
    for name, seconds in peers.items():
        if seconds is not None:
            print(f"{name:10} {len(paths) / seconds:9.1f} songs/s   aeolian: {seconds / ours_s:.3g} ×")
    with tempfile.TemporaryDirectory() as output:
        seconds, written = preprocess_s(folder, Path(output))
    print(f"preprocess {written / seconds:9.1f} songs/s   the stage as a program: {written} songs in {seconds:.1f} s")


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--songs", type=int, default=40, help="how many files at most, but for the stage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder
        if folder is None and POP909.is_file():
            folder = Path(scratch)
            with tarfile.open(POP909) as tar:
                tar.extractall(folder, filter="data")
        measure(folder or ROOT / "samples" / "midi", options.songs)


if __name__ == "__main__":
    main()
