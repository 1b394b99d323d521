"""Sound to sound: effects, chains of them, and the language that writes them down.

from aeolian.effects import parse_chain

chain = parse_chain("compress | pitch 7 | delay 0.25 0.8 | reverb")
finished = chain.process(samples, 44_100)  # float32[frames, channels] in and out
"""

from aeolian.effects import dynamics, echoes, ends, filters, gains, normalising, pitch, reverb, separation
from aeolian.effects.chain import Branch, Chain, Mix, Stream
from aeolian.effects.effect import Effect
from aeolian.effects.json_form import from_json, read_chain, to_json
from aeolian.effects.language import parse_chain, write_chain
from aeolian.effects.presets import PRESETS

# Effects are known by their words once their modules are loaded.
MODULES = (gains, filters, echoes, dynamics, reverb, pitch, separation, normalising, ends)

__all__ = [
    "MODULES",
    "PRESETS",
    "Branch",
    "Chain",
    "Effect",
    "Mix",
    "Stream",
    "from_json",
    "parse_chain",
    "read_chain",
    "to_json",
    "write_chain",
]
