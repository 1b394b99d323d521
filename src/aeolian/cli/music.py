"""The stages as verbs of `aeolian`, with the same options as their containers."""

from aeolian.stages import generate as _generate
from aeolian.stages import import_checkpoint as _import_checkpoint
from aeolian.stages import render as _render
from aeolian.stages import transcribe as _transcribe
from aeolian.stages.options import command

transcribe = command(_transcribe.Config, _transcribe.run, "transcribe")
generate = command(_generate.Config, _generate.run, "generate")
import_checkpoint = command(_import_checkpoint.Config, _import_checkpoint.run, "import-checkpoint")
render = command(_render.Config, _render.run, "render")
