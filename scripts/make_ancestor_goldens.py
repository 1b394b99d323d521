"""Writes the logits of the ancestor's own code, given the weights of the tests, to ancestor_logits.npz beside them.

    python scripts/make_ancestor_goldens.py CHECKOUT     (of jason9693/MusicTransformer-tensorflow2.0)

In an environment with this project, tensorflow and tf_keras. The code of 2020 asks for `tensorflow.python.keras`, which
tf_keras serves, and for three packages that the model itself does not use, which are stood in for.
"""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests" / "unit" / "transformer"
LENGTHS = (1, 7, 24)


def ancestors_code(checkout: Path) -> tuple[Any, Any]:
    """Its modules `model` and `utils`."""
    import tensorflow.python  # noqa: F401  (its parts are no attributes of `tensorflow`)
    import tf_keras

    sys.modules["tensorflow.python"].keras = tf_keras  # type: ignore[attr-defined]
    standing_in: dict[str, dict[str, Any]] = {
        "tensorflow_probability": {},
        "pretty_midi": {"PrettyMIDI": object, "Note": object, "Instrument": object},
        "midi_processor": {},
        "midi_processor.processor": {
            "RANGE_NOTE_ON": 128,
            "RANGE_NOTE_OFF": 128,
            "RANGE_TIME_SHIFT": 100,
            "RANGE_VEL": 32,
        },
        "progress": {},
        "progress.bar": {"Bar": object},
    }
    for name, attributes in standing_in.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(attributes)
    sys.modules["midi_processor"].processor = sys.modules["midi_processor.processor"]  # type: ignore[attr-defined]
    sys.path.insert(0, str(checkout))
    import model
    import utils

    return model, utils


def variable_of(built: Any, name: str) -> Any:
    """The variable that the ancestor's checkpoint has under this name."""
    for part in name.split("/"):
        built = built[int(part)] if part.isdigit() else getattr(built, "E" if part == "emb" else part)
    return built


def main() -> None:
    """Writes the tokens and the logits, a pair for each length."""
    sys.path.insert(0, str(TESTS))
    import ancestor_checkpoint
    import tensorflow as tf

    model, utils = ancestors_code(Path(sys.argv[1]))
    document = ancestor_checkpoint.CONFIG
    sizes = {name: document[name] for name in ("max_seq", "num_layer", "embedding_dim", "vocab_size")}
    built = model.MusicTransformerDecoder(**sizes)
    weights = ancestor_checkpoint.variables(document)
    written: dict[str, Any] = {}
    for length in (1, *LENGTHS):  # the first call makes the variables
        tokens = np.random.default_rng(length).integers(0, 388, (1, length)).astype(np.int32)
        _, _, mask = utils.get_masked_with_pad_tensor(length, tf.constant(tokens), tf.constant(tokens))
        logits, _ = built.call(tf.constant(tokens), lookup_mask=mask, training=False, eval=True)
        written |= {f"tokens_{length}": tokens[0].astype(np.int16), f"logits_{length}": logits.numpy()[0, -1]}
        for name, values in weights.items():
            if name.startswith(("Decoder/", "fc/")) and ".OPTIMIZER_SLOT" not in name:
                variable_of(built, name.partition("/.ATTRIBUTES")[0]).assign(values)
    np.savez(TESTS / "ancestor_logits.npz", **written)


if __name__ == "__main__":
    main()
