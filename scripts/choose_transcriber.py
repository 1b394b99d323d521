"""What `--backend auto` goes by: of each instrument of a soundfont, which backend hears it better, how sure ours is.

    .venv/bin/python scripts/choose_transcriber.py [--model FOLDER] [--songs FOLDER] [--soundfont FILE]

The pieces of `samples/midi/` (or of `--songs`) are played by one General MIDI program after another; the true notes are
known, so each backend has its F1 (mir_eval's: onsets within 50 ms; the other with ends within 20 % or 50 ms, too). The
last lines say what each way of choosing is worth: always the one, always the other, `auto`, the better of the two.
"""

import argparse
from pathlib import Path

import numpy as np

from aeolian.evaluation.note_matching import scores
from aeolian.formats.midi import read_midi
from aeolian.music.notes import Notes
from aeolian.rendering.synthesis import default_soundfont, synthesise
from aeolian.stages.transcribers import SHIPPED
from aeolian.transcription.basic_pitch import BasicPitch
from aeolian.transcription.choice import judge
from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
from aeolian.transcription.transcriber import ArrayRecording

RATE_HZ = 22_050
# One or two of each family of General MIDI that has pitch.
PROGRAMS = {
    "grand piano": 0, "bright piano": 1, "honky-tonk": 3, "electric piano": 4, "harpsichord": 6, "celesta": 8,
    "vibraphone": 11, "marimba": 12, "drawbar organ": 16, "church organ": 19, "accordion": 21, "nylon guitar": 24,
    "steel guitar": 25, "overdriven guitar": 29, "acoustic bass": 32, "violin": 40, "cello": 42, "harp": 46,
    "strings": 48, "choir": 52, "trumpet": 56, "horn": 60, "brass": 61, "saxophone": 65, "oboe": 68, "clarinet": 71,
    "flute": 73, "square lead": 80, "warm pad": 89, "sitar": 104,
}  # fmt: skip


def main() -> None:
    """Prints a line an instrument."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--model", type=Path, default=root / "trained-models" / SHIPPED)
    parser.add_argument("--songs", type=Path, default=root / "samples" / "midi")
    parser.add_argument("--soundfont", type=Path, default=default_soundfont())
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pieces", type=int, default=4)
    options = parser.parse_args()
    piano, anything = OnsetsFrames(options.model), BasicPitch()
    pieces = [
        opening(read_midi(path), options.seconds) for path in sorted(options.songs.rglob("*.mid"))[: options.pieces]
    ]
    print(f"{'instrument':18} {'onsets-frames':>15} {'basic-pitch':>15}   sure   of   auto   (onset F1, with ends)")
    table = []
    for name, program in PROGRAMS.items():
        rows = []
        for notes in pieces:
            sound = synthesise(notes, sample_rate_hz=RATE_HZ, program=program, soundfont=options.soundfont)
            recording = ArrayRecording(sound[: int(options.seconds * RATE_HZ)], RATE_HZ)
            verdict = judge([piano.hear(recording)])
            found = [scores(notes, backend.transcribe(recording)) for backend in (piano, anything)]
            f1 = [score[measure].f1 for score in found for measure in ("onset", "onset_offset")]
            rows.append([*f1, verdict.sure_share, verdict.moments, verdict.suits])
        mean = np.mean(np.array(rows, float), axis=0)
        table += rows
        print("{:18} {:7.1%} {:7.1%} {:7.1%} {:7.1%}   {:4.0%} {:4.0f}   {:4.0%}".format(name, *mean), flush=True)
    summary(np.array(table, float))


def summary(table: np.ndarray) -> None:
    """What each way of choosing is worth: means over instruments and pieces."""
    ours, theirs, suits = table[:, 0], table[:, 2], table[:, 6] > 0
    for name, values in {
        "always onsets-frames": ours,
        "always basic-pitch": theirs,
        "auto": np.where(suits, ours, theirs),
        "the better of the two": np.maximum(ours, theirs),
    }.items():
        print(f"{name:24} onset F1 {values.mean():.1%}")


def opening(notes: Notes, seconds: float) -> Notes:
    """The notes that begin in the first `seconds` and end there."""
    begun = notes.take(notes.onset_s < seconds - 0.1)
    return Notes(begun.onset_s, np.minimum(begun.offset_s, seconds), begun.pitch, begun.velocity)


if __name__ == "__main__":
    main()
