"""`plot`: pictures of recordings and of MIDI."""

from typing import Any

from aeolian.errors import InputError
from aeolian.formats.midi import read_midi
from aeolian.rendering import piano_roll, sound_plots
from aeolian.serving.models.sound import file_bytes, folder, read_sound
from aeolian.serving.registry import Emit, Function, Values


def make() -> Function:
    """The function."""
    return plot


def plot(values: Values, emit: Emit) -> Values:
    """The picture that is asked for."""
    options: Any = values
    with folder() as own:
        target = own / f"picture.{options['format']}"
        if options["kind"] == "piano-roll":
            if "midi" not in values:
                raise InputError("a piano roll is drawn of `midi`, the bytes of a MIDI file.")
            song = own / "song.mid"
            song.write_bytes(file_bytes(values["midi"]))
            piano_roll.draw(target, read_midi(song), title=options["title"])
        else:
            draw = sound_plots.draw_waveform if options["kind"] == "waveform" else sound_plots.draw_spectrogram
            samples, rate_hz = read_sound(values)
            draw(target, samples, rate_hz, title=options["title"])
        return {"picture": [target.read_bytes()]}
