"""The card of a transcriber's model folder: what it is, what it heard, how well it hears."""

from collections.abc import Mapping
from typing import Any

from aeolian.transcription.mel import FRAMES_PER_S
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.onsets_and_frames.weights import count

_MEASURES = {
    "onset": "onsets within 50 ms",
    "onset_offset": "onsets, and offsets within 50 ms or 20 %",
    "onset_velocity": "onsets and velocities",
    "frame": "frames",
}


def model_card(model: ModelConfig, training: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The text of README.md."""
    fonts, segment_s = ", ".join(training["soundfonts"]) or "nothing", training["segment_frames"] / FRAMES_PER_S
    lines = [
        "# A piano transcriber",
        "",
        f"Onsets and Frames (Hawthorne et al. 2018, 2019), {count(model) / 1e6:.1f} million parameters, trained by",
        "`aeolian train-transcriber`. It hears 16 kHz mono and finds notes from A0 to C8, ends as they sound: held by",
        "the finger or the pedal. Use it with",
        "",
        "    aeolian transcribe --backend onsets-frames --load_path THIS_FOLDER --input recordings/ --output midi/",
        "",
        "## What it learnt from",
        "",
        f"- {training['songs']} songs in MIDI, {training['validation_songs']} more held out, performed anew (key,",
        f"  tempo, touch, pedal) and rendered as {training.get('takes', 0)} takes with {fonts}; rooms, colour, noise,",
        "  level, clipping and dullness drawn anew for each segment.",
        f"- {training['recordings']} recordings with their notes, {training['validation_recordings']} more held out.",
        f"- {metrics['steps']} steps of {training['batch_size']} segments of {segment_s:.2f} s.",
        "",
        "The weights follow the licences of what they were trained on.",
    ]
    if "validation" in metrics:
        lines += ["", "## How well it hears", "", "Means of F1 over the held-out takes, recorded in drawn rooms:", ""]
        lines += ["| | F1 |", "|---|---|"]
        lines += [f"| {text} | {metrics['validation'][name]:.3f} |" for name, text in _MEASURES.items()]
        lines += ["", f"Thresholds chosen there: onset {model.onset_threshold}, frame {model.frame_threshold}."]
    return "\n".join(lines) + "\n"
