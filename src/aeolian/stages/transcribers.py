"""Which model listens: the one that was asked for, or the one that suits a recording."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeolian.errors import UsageError
from aeolian.stages.recording_readers import open_recording
from aeolian.stages.shipped_models import find_model, shipped_models

if TYPE_CHECKING:
    from aeolian.transcription.basic_pitch import BasicPitch
    from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
    from aeolian.transcription.transcriber import Transcriber

AUTO, ONSETS_FRAMES, BASIC_PITCH = "auto", "onsets-frames", "basic-pitch"
BACKENDS = (AUTO, ONSETS_FRAMES, BASIC_PITCH)
SHIPPED = "onsets-and-frames-small-v1"
# A name or a folder: the model of an image that holds another one.
MODEL_VARIABLE = "AEOLIAN_TRANSCRIBER"


@dataclass(frozen=True)
class Options:
    """What the stage was told; None: as the model's authors have it."""

    backend: str
    load_path: Path | None
    onset_threshold: float | None
    frame_threshold: float | None
    minimum_note_ms: float | None
    melodia: bool


@dataclass
class Transcribers:
    """The models, each loaded when it is first needed and kept."""

    options: Options

    def choose(self, path: Path) -> "tuple[Transcriber, dict[str, Any]]":
        """The model for the recording at `path`, and, where it was chosen by listening, why.

        Raises `InputError` if the recording cannot be read.
        """
        if self.options.backend == BASIC_PITCH:
            return self.basic_pitch, {}
        if self.options.backend == ONSETS_FRAMES:
            return self.onsets_frames, {}
        if self._folder is None:
            return self.basic_pitch, {"chosen": "there is no Onsets and Frames model"}
        return self._by_listening(path)

    def _by_listening(self, path: Path) -> "tuple[Transcriber, dict[str, Any]]":
        from aeolian.transcription.choice import excerpts, judge

        with open_recording(path) as recording:
            verdict = judge([self.onsets_frames.hear(excerpt) for excerpt in excerpts(recording)])
        chosen = self.onsets_frames if verdict.suits else self.basic_pitch
        return chosen, {
            "chosen": f"Onsets and Frames is sure of {verdict.sure_share:.0%} of {verdict.moments} possible onsets"
        }

    @cached_property
    def _folder(self) -> Path | None:
        """Of the Onsets and Frames model that was asked for, or else of the one that is there."""
        told = self.options.load_path or os.environ.get(MODEL_VARIABLE)
        return find_model(Path(told)) if told else shipped_models().get(SHIPPED)

    @cached_property
    def onsets_frames(self) -> "OnsetsFrames":
        """The model at --load_path, or the one that we ship."""
        from aeolian.transcription.mel import FRAMES_PER_S
        from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames

        options, folder = self.options, self._folder
        if folder is None:
            raise UsageError(
                f"There is no Onsets and Frames model: {SHIPPED} is not installed.",
                remedy="Name a model's folder with --load_path, or use --backend basic-pitch.",
            )
        model = OnsetsFrames(folder)
        told: dict[str, Any] = {"onset": options.onset_threshold, "frame": options.frame_threshold}
        if options.minimum_note_ms is not None:
            told["shortest_frames"] = round(options.minimum_note_ms / 1000 * FRAMES_PER_S)
        given = {name: value for name, value in told.items() if value is not None}
        model.thresholds = replace(model.thresholds, **given)
        return model

    @cached_property
    def basic_pitch(self) -> "BasicPitch":
        """Basic Pitch, with the weights of its package."""
        from aeolian.transcription.basic_pitch import HOP_SAMPLES, SAMPLE_RATE_HZ, BasicPitch
        from aeolian.transcription.note_decoding import Thresholds

        options, usual = self.options, Thresholds()
        shortest = usual.shortest_frames
        if options.minimum_note_ms is not None:
            shortest = round(options.minimum_note_ms / 1000 * SAMPLE_RATE_HZ / HOP_SAMPLES)
        return BasicPitch(
            Thresholds(
                onset=usual.onset if options.onset_threshold is None else options.onset_threshold,
                sounding=usual.sounding if options.frame_threshold is None else options.frame_threshold,
                shortest_frames=shortest,
                without_onset=options.melodia,
            )
        )
