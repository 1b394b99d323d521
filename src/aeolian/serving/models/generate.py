"""`generate`: plays on from a seed, each event sent as it is played, then the song as MIDI."""

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from aeolian.errors import InputError
from aeolian.formats.midi import read_score, write_midi
from aeolian.music import vocabulary
from aeolian.music.codec import Tokens, decode, encode
from aeolian.serving.models.sound import file_bytes, folder
from aeolian.serving.registry import Emit, Function, Values
from aeolian.stages.continuing import random_numbers
from aeolian.stages.generate import DEFAULT_MODEL
from aeolian.stages.shipped_models import shipped_models
from aeolian.stages.songs import notes_after
from aeolian.transformer.decoding import Decoder
from aeolian.transformer.folding import folded
from aeolian.transformer.loading import load_model
from aeolian.transformer.playing import play_on
from aeolian.transformer.sampling import Sampling


def make() -> Function:
    """The function, with the shipped model's weights. Raises `InputError` where none is installed."""
    folder_of = shipped_models()
    if DEFAULT_MODEL not in folder_of:
        raise InputError(f"the model {DEFAULT_MODEL} is not installed here.")
    model, weights = load_model(folder_of[DEFAULT_MODEL])
    matrices = folded(weights, model)

    def generate(values: Values, emit: Emit) -> Values:
        options: Any = values
        prime = _read_seed(values)[: options["prime"] or None]
        how = Sampling(options["temperature"], options["top_k"], options["top_p"], options["min_p"], None)
        with threadpool_limits(1, "blas"):
            decoder = Decoder(model, matrices, batch=1, context=None)
            randoms = [random_numbers(options["seed"], prime, 0)]
            show = _Events(emit)
            played = play_on(decoder, prime, options["length"], how, randoms, lambda *_: None, heard=show.tell)
        events, closing = played[0]
        for token in closing.tolist():
            show.tell(np.array([token]))
        return {"midi": [_write(np.concatenate([prime, events, closing]), prime, options["continuation_only"])]}

    return generate


def _read_seed(values: Values) -> Tokens:
    if "midi" not in values:
        return np.empty(0, np.int16)
    with folder() as own:
        path = own / "seed.mid"
        path.write_bytes(file_bytes(values["midi"]))
        return encode(read_score(path).notes())


def _write(tokens: Tokens, prime: Tokens, continuation_only: bool) -> bytes:
    notes = decode(tokens)
    notes = notes_after(notes, prime) if continuation_only else notes
    if not len(notes):
        raise InputError("nothing was played: the model wrote no complete note.")
    with folder() as own:
        write_midi(own / "song.mid", notes)
        return (own / "song.mid").read_bytes()


class _Events:
    """Tells each event with the time at which it sounds."""

    def __init__(self, emit: Emit) -> None:
        self._emit, self._steps = emit, 0

    def tell(self, chosen: "np.ndarray[Any, Any]") -> None:
        token = int(chosen[0])
        event = vocabulary.event(token)
        if event.kind == vocabulary.TIME_SHIFT.name:
            self._steps += event.value
        self._emit(
            {
                "token": np.array([token]),
                "event": [event.kind.encode()],
                "value": np.array([event.value]),
                "time_s": np.array([self._steps / vocabulary.STEPS_PER_SECOND]),
            }
        )
