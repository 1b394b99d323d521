"""What the model hears of a piece that is longer than its context: its beginning, and what was played last.

Left to hear itself alone a model drifts, into ever fewer notes or into noise: each window is a little less like music
than the one before, and that is all it goes by. So the beginning, the seed or what followed it at once, stays in the
window for good, however long the piece becomes; the last events come after it, as if the piece had paused there.
"""

import numpy as np

from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import NOTE_OFF, NOTE_ON, TIME_SHIFT, VELOCITY
from aeolian.transformer.decoding import Decoder, Ids
from aeolian.transformer.weights import Floats

_ONE_SECOND = TIME_SHIFT.end_token - 1
_MEDIUM = (VELOCITY.first_token + VELOCITY.end_token) // 2


class Anchored:
    """A decoder for pieces of any length.

    Half of the context is kept. When the window is full, what was played last, a thirty-second of it, is read anew
    after that half; and again whenever it is three quarters full. So of what the model hears no more than a third was
    not there from the beginning, and a circle that it falls into has nearly left its ears when a new window begins.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        context = decoder.context
        self._kept, self._again, self._full = context // 2, max(1, context // 32), context

    def begin(self, tokens: Ids) -> Floats:
        """Reads tokens [batch, n], n ≥ 1, as the beginning of a piece, or its end if it is longer than the context.

        Returns the logits [batch, vocabulary] of what follows, as `step` does.
        """
        decoder, kept = self.decoder, self._kept
        if tokens.shape[1] > decoder.context:
            tokens = tokens[:, -kept:]
        logits = decoder.read(tokens[:, :kept])
        if decoder.length == kept:
            decoder.mark()
        return decoder.read(tokens[:, kept:]) if tokens.shape[1] > kept else logits

    def step(self, tokens: Ids) -> Floats:
        """Appends one token [batch] to each sequence; what is then too much for the window is left out."""
        decoder = self.decoder
        if decoder.length == self._full:
            windows = np.concatenate([decoder.tokens, np.asarray(tokens)[:, None]], axis=1)
            decoder.cut()
            self._full = max(self._kept + self._again + 1, 3 * decoder.context // 4)
            return decoder.read(np.stack([joined(window, self._kept, self._again) for window in windows]))
        logits = decoder.step(tokens)
        if decoder.length == self._kept:
            decoder.mark()
        return logits


def joined(window: Tokens, kept: int, size: int) -> Tokens:
    """The `size` tokens that follow the first `kept` of `window` [n] in a new one: a join, and the window's end.

    What sounds after the kept ones rings for a second and is released; what sounds where the end begins is struck
    again. So no note hangs, none ends that did not begin, and after all sounds what sounds after the window.
    """
    released = [_ONE_SECOND, *(NOTE_OFF.first_token + pitch for pitch in _sounding(window[:kept]))]
    for start in range(max(kept, len(window) - size), len(window) + 1):
        before = window[:start]
        velocities = before[(before >= VELOCITY.first_token) & (before < VELOCITY.end_token)]
        struck = [velocities[-1] if len(velocities) else _MEDIUM, *_sounding(before)]
        missing = size - len(released) - len(struck) - (len(window) - start)
        if missing >= 0:  # mostly 0; 1 where the end would begin with a note-off: then the rest is longer
            break
    whole = np.concatenate([[_ONE_SECOND] * missing, released, struck, window[start:]])
    return whole[-size:].astype(window.dtype)  # all of it, if the context is not a handful of tokens


def _sounding(tokens: Tokens) -> list[int]:
    """The pitches that sound after these tokens."""
    counts = np.bincount(tokens[tokens < NOTE_OFF.end_token], minlength=NOTE_OFF.end_token)
    return np.flatnonzero(counts[: NOTE_ON.end_token] > counts[NOTE_OFF.first_token :]).tolist()
