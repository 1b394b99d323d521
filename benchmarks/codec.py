"""MIDI → tokens, beside note-seq on the same files: songs a second and the ratio.

    .venv/bin/python benchmarks/codec.py [FOLDER]      (a folder of MIDI files; by default the seven seeds)

Both read the file, apply the pedal, quantise and encode; the tokens are compared too. Warm, one process, best of three.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

from note_seq import midi_io, sequences_lib
from note_seq.performance_encoder_decoder import PerformanceOneHotEncoding
from note_seq.performance_lib import Performance

from aeolian.formats.midi import read_midi
from aeolian.formats.song_example import SongExample, write_song
from aeolian.music.codec import encode

ENCODING = PerformanceOneHotEncoding(num_velocity_bins=32, max_shift_steps=100)


def ours(path: Path) -> list[int]:
    return encode(read_midi(path)).tolist()


def theirs(path: Path) -> list[int]:
    sequence = sequences_lib.apply_sustain_control_changes(midi_io.midi_file_to_note_sequence(str(path)))
    quantised = sequences_lib.quantize_note_sequence_absolute(sequence, 100)
    return [ENCODING.encode_event(e) for e in Performance(quantised, num_velocity_bins=32, max_shift_steps=100)]


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[1] / "samples" / "midi"
    )
    parser.add_argument("--songs", type=int, default=20, help="how many files at most")
    options = parser.parse_args()
    paths = sorted(options.folder.rglob("*.mid"))[: options.songs]

    equal = sum(ours(path) == theirs(path) for path in paths)
    tokens = sum(len(ours(path)) for path in paths)
    ours_s = best(lambda: [ours(path) for path in paths], 3)
    theirs_s = best(lambda: [theirs(path) for path in paths], 1)
    with tempfile.TemporaryDirectory() as folder:
        songs = [(Path(folder, path.stem), SongExample(path.stem, "train", encode(read_midi(path)))) for path in paths]
        write_s = best(lambda: [write_song(target, song) for target, song in songs], 3)

    print(f"{len(paths)} songs, {tokens:,} tokens; equal to note-seq's: {equal}")
    print(f"note-seq   {len(paths) / theirs_s:9.1f} songs/s")
    print(f"aeolian    {len(paths) / ours_s:9.1f} songs/s   {theirs_s / ours_s:.0f} × note-seq")
    print(f"  to disk  {len(paths) / (ours_s + write_s):9.1f} songs/s   with the TFRecord written")


def best(work: object, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start_s)
    return min(seconds)


if __name__ == "__main__":
    main()
