"""Inputs that several models have, and how much of them is taken. Nothing heavy is imported here."""

from typing import Any

from aeolian.serving.registry import Input

MAX_FILE_BYTES = 48 << 20
MAX_SAMPLES = 1 << 26
SAMPLE_RATES_HZ = (1_000, 384_000)

AUDIO = Input("audio", "BYTES", (1,), "A recording: the bytes of a WAV, MP3, FLAC, … file.", False, most=MAX_FILE_BYTES)
SAMPLES = Input("samples", "FP32", (-1, -1), "Or its samples, [channels, n].", False, most=MAX_SAMPLES)
RATE = Input("sample_rate", "INT64", help="Samples a second.", required=False, limits=SAMPLE_RATES_HZ)
MIDI = Input("midi", "BYTES", (1,), "The bytes of a MIDI file.", most=8 << 20)


def option(
    name: str, datatype: str, default: Any, help: str, low: float | None = None, high: float | None = None
) -> Input:
    """An input that may be left away."""
    limits = None if low is None or high is None else (low, high)
    return Input(name, datatype, (1,), help, False, default, limits)
