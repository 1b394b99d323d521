"""The stages as verbs of `aeolian`, with the same options as their containers: convert, transcribe, preprocess, …"""

from aeolian.stages import convert as _convert
from aeolian.stages import generate as _generate
from aeolian.stages import preprocess as _preprocess
from aeolian.stages import render as _render
from aeolian.stages import train as _train
from aeolian.stages import transcribe as _transcribe
from aeolian.stages.options import command

convert = command(_convert.Config, _convert.run, "convert")
transcribe = command(_transcribe.Config, _transcribe.run, "transcribe")
preprocess = command(_preprocess.Config, _preprocess.run, "preprocess")
train = command(_train.Config, _train.run, "train")
generate = command(_generate.Config, _generate.run, "generate")
render = command(_render.Config, _render.run, "render")
