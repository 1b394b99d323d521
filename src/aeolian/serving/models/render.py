"""`render`: MIDI as WAV, by the stage that does so."""

from typing import Any

from aeolian.serving.models.sound import MAX_S, file_bytes, folder
from aeolian.serving.registry import Emit, Function, Values
from aeolian.stages import render as stage


def make() -> Function:
    """The function."""
    return render


def render(values: Values, emit: Emit) -> Values:
    """The WAV of `midi`."""
    rate: Any = values["sample_rate"]
    program: Any = values["program"]
    with folder() as own:
        source = own / "song.mid"
        source.write_bytes(file_bytes(values["midi"]))
        config = stage.Config(source, own, rate, None, program, False, MAX_S / 3600)
        names, _ = stage.render_file(config, source, own / "song", lambda *_: None)
        return {"wav": [(own / names[0]).read_bytes()]}
