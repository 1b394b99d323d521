"""The card of a model folder that was made from Magenta's checkpoint."""

from aeolian.transcription.onsets_and_frames.config import PRESETS, ModelConfig
from aeolian.transcription.onsets_and_frames.weights import count

_CARD = """# Onsets and Frames, imported from Magenta

{parameters:,} parameters{published}, read from a checkpoint of Magenta's `onsets_frames_transcription` by
`aeolian import-checkpoint`. Hears a piano: `aeolian transcribe --backend onsets-frames --load_path` this folder.

Magenta publishes its checkpoint, trained on MAESTRO, under the Apache License 2.0. The recordings of MAESTRO are under
CC BY-NC-SA 4.0. How good this model is depends on the checkpoint: `aeolian evaluate transcription` measures it.
"""


def imported_card(config: ModelConfig) -> str:
    """Markdown: what the model is and where it comes from."""
    published = ", Magenta's published sizes" if config == PRESETS["full"] else ""
    return _CARD.format(parameters=count(config), published=published)
