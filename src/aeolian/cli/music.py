"""The stages as verbs of `aeolian`, with the same options as their containers."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from aeolian.stages import effects as _effects
from aeolian.stages import generate as _generate
from aeolian.stages import import_checkpoint as _import_checkpoint
from aeolian.stages import render as _render
from aeolian.stages import train_transcriber as _train_transcriber
from aeolian.stages import transcribe as _transcribe
from aeolian.stages.options import command, option


@dataclass(frozen=True)
class Generate(_generate.Config):
    """Plays on from a seed, and writes the song as MIDI, as sound and as a picture.

    \b
        aeolian generate samples/midi/1.mid
        aeolian generate --length 500 --samples 4 --key seed samples/midi/1.mid

    MIDI is the seed, a file or a folder of them; without one the music starts from nothing. What is written lies in
    generated-music/, or where --save_path says.
    """

    render: bool = option(True, help="Also write each song as WAV and as a picture.")
    midi: Path | None = option(None, positional=True, help="The seed.")


@dataclass(frozen=True)
class Effects(_effects.Config):
    """Finishes recordings by a chain of effects, and writes them as WAV. docs/effects.md lists the effects."""

    input: Path = option(positional=True, help="A recording, or a folder of them.")
    output: Path = option(Path("finished-music"), help="Folder for the WAV files.")


def _play(config: Generate) -> None:
    _generate.run(dataclasses.replace(config, inputs=config.midi or config.inputs))


effects = command(
    Effects,
    _effects.run,
    "effects",
    example='aeolian effects song.wav --chain "compress | pitch 7 | delay 0.25 0.8 | reverb"\n'
    'aeolian effects my-songs/ --chain "mix(dry, 0.5: delay 0.25 1 | pitch 7) | loudness -16"',
)
transcribe = command(_transcribe.Config, _transcribe.run, "transcribe")
generate = command(Generate, _play, "generate")
import_checkpoint = command(
    _import_checkpoint.Config,
    _import_checkpoint.run,
    "import-checkpoint",
    example="aeolian import-checkpoint old-model/ --save_path my-model/",
)
render = command(_render.Config, _render.run, "render")
train_transcriber = command(
    _train_transcriber.Config,
    _train_transcriber.run,
    "train-transcriber",
    example="aeolian train-transcriber --input my-piano-midi/ --save_path my-transcriber/ --size small",
)
