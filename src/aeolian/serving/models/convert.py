"""`convert`: a recording of any kind as WAV, by the stage that does so."""

import json
from typing import Any

from aeolian.errors import AeolianError, InputError
from aeolian.formats.audio_probe import measure_s
from aeolian.serving.models.sound import MAX_S, MEASURING_S, check_duration, file_bytes, folder
from aeolian.serving.registry import Emit, Function, Values
from aeolian.stages import convert as stage
from aeolian.stages.report import REPORT_NAME


def make() -> Function:
    """The function."""
    return convert


def convert(values: Values, emit: Emit) -> Values:
    """The WAV of `audio`."""
    options: Any = values
    with folder() as own:
        source, output = own / "recording.wav", own / "out"
        source.write_bytes(file_bytes(values["audio"]))
        check_duration(measure_s(source, timeout_s=MEASURING_S))
        config = stage.Config(source, output, options.get("sample_rate"), options.get("channels"), MAX_S / 3600)
        try:
            stage.run(config)
        except AeolianError:
            entries = json.loads((output / REPORT_NAME).read_bytes())["inputs"]
            raise InputError(f"{'; '.join(entry['reason'] for entry in entries)}.") from None
        entry = json.loads((output / REPORT_NAME).read_bytes())["inputs"][0]
        details = entry["details"]
        return {
            "wav": [(output / entry["outputs"][0]).read_bytes()],
            "sample_rate": details["sample_rate_hz"],
            "duration_s": details["duration_s"],
        }
