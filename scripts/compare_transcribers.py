"""Which backend serves a recording better where nobody knows the true notes, and what `--backend auto` would choose.

    .venv/bin/python scripts/compare_transcribers.py RECORDINGS… [--model FOLDER]

The notes that a backend finds are played on a piano and compared with the recording: `chroma` is the mean cosine of the
two's chromagrams (constant Q, 12 pitch classes, frames of 46 ms, weighted by the recording's loudness), `onsets` the
correlation of their onset strengths. Wrong notes, missed notes and wrong times lower both. Neither is a score of
transcription; they order two transcriptions of one recording. At most `--seconds` of each recording are heard.
"""

import argparse
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile

from aeolian.music.notes import Notes
from aeolian.rendering.synthesis import synthesise
from aeolian.stages.transcribers import SHIPPED
from aeolian.transcription.basic_pitch import BasicPitch
from aeolian.transcription.choice import excerpts, judge
from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
from aeolian.transcription.transcriber import ArrayRecording

RATE_HZ, HOP_SAMPLES = 22_050, 1_024


def main() -> None:
    """Prints a line for each recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=Path("trained-models") / SHIPPED)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    piano, anything = OnsetsFrames(options.model), BasicPitch()
    print(f"{'recording':40} {'backend':14} notes chroma onsets   auto")
    for path in options.recordings:
        frames = int(options.seconds * soundfile.info(path).samplerate)
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True, frames=frames)
        recording = ArrayRecording(samples, rate_hz)
        verdict = judge([piano.hear(excerpt) for excerpt in excerpts(recording)])
        heard = librosa.resample(samples.mean(axis=1), orig_sr=rate_hz, target_sr=RATE_HZ)
        for backend in (piano, anything):
            notes = backend.transcribe(recording)
            chroma, onsets = likeness(heard, notes)
            chosen = "<-" if verdict.suits == (backend is piano) else ""
            words = f"sure of {verdict.sure_share:.0%} of {verdict.moments}" if backend is piano else ""
            print(
                f"{path.stem[:40]:40} {backend.name:14} {len(notes):5} {chroma:6.3f} {onsets:6.3f}   {chosen:2} {words}"
            )


def likeness(heard: np.ndarray, notes: Notes) -> tuple[float, float]:
    """How like the recording the notes sound: cosine of chroma, correlation of onset strengths."""
    played = np.zeros(len(heard), np.float32)
    if len(notes):
        sound = synthesise(notes, sample_rate_hz=RATE_HZ).mean(axis=1)[: len(heard)]
        played[: len(sound)] = sound
    chromas = [chroma_of(sound) for sound in (heard, played)]
    loudness = librosa.feature.rms(y=heard, hop_length=HOP_SAMPLES)[0][: chromas[0].shape[1]]
    cosine = (chromas[0] * chromas[1]).sum(axis=0)
    strengths = [
        librosa.onset.onset_strength(y=sound, sr=RATE_HZ, hop_length=HOP_SAMPLES // 2) for sound in (heard, played)
    ]
    varied = all(strength.std() > 0 for strength in strengths)
    return float((cosine * loudness).sum() / max(loudness.sum(), 1e-9)), (
        float(np.corrcoef(*strengths)[0, 1]) if varied else 0.0
    )


def chroma_of(sound: np.ndarray) -> Any:
    """float[12, frames] of unit length, or 0 in silence."""
    chroma = librosa.feature.chroma_cqt(y=sound, sr=RATE_HZ, hop_length=HOP_SAMPLES, norm=None)
    return chroma / np.maximum(np.linalg.norm(chroma, axis=0), 1e-4)


if __name__ == "__main__":
    main()
