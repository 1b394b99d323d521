"""Writes tests/unit/transcription/goldens.json: what the package basic-pitch itself hears in our golden clip.

The package cannot live in our environment. Run this in one of its own, from the root of the repository:

    uv venv /tmp/bp
    uv pip install -p /tmp/bp/bin/python --no-deps basic-pitch==0.4.0
    uv pip install -p /tmp/bp/bin/python onnxruntime librosa resampy mir_eval pretty_midi scikit-learn "setuptools<81"
    /tmp/bp/bin/python scripts/make_transcription_goldens.py
"""

import json
import runpy
import tempfile
from pathlib import Path

import soundfile
from basic_pitch.inference import ICASSP_2022_MODEL_PATH, Model, predict

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "unit" / "transcription"
SETTINGS = {
    "stock": {},
    "eager": {"onset_threshold": 0.3, "frame_threshold": 0.2, "minimum_note_length": 58.0},
    "onsets only": {"melodia_trick": False},
}


def main() -> None:
    """Runs the stock `predict` with each of SETTINGS."""
    made = runpy.run_path(str(FOLDER / "golden_clip.py"))
    model = Model(str(ICASSP_2022_MODEL_PATH))
    goldens = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.wav")
        soundfile.write(path, made["clip"](), made["RATE_HZ"], subtype="PCM_16")
        for name, settings in SETTINGS.items():
            _, _, found = predict(path, model, **settings)
            notes = sorted(
                [round(float(a), 6), round(float(b), 6), int(p), round(127 * float(v))] for a, b, p, v, _ in found
            )
            goldens[name] = {"settings": settings, "notes": notes}
    rows = ",\n".join(
        f' {json.dumps(name)}: {{"settings": {json.dumps(golden["settings"])}, "notes": [\n'
        + ",\n".join(f"  {json.dumps(note)}" for note in golden["notes"])
        + "]}"
        for name, golden in goldens.items()
    )
    (FOLDER / "goldens.json").write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
