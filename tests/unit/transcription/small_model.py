"""A very small Onsets and Frames model with drawn weights, for tests that need no music."""

from golden_weights import drawn

from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.onsets_and_frames.weights import expected_shapes

TINY = ModelConfig(
    conv_filters=(4, 4, 6), dense_units=16, onset_units=8, offset_units=6, combined_units=8, norm_momentum=0.9
)


def drawn_weights(config):
    """Weights of the shapes of `config`, by the rule of `golden_weights`."""
    named = {name: name.replace("norm_0", "conv0") for name in expected_shapes(config)}
    return {name: drawn(named[name], shape) for name, shape in expected_shapes(config).items()}
