"""Names, inputs and outputs of all models. Nothing heavy is imported here."""

from aeolian.serving.models.inputs import AUDIO, MIDI, RATE, SAMPLES, option
from aeolian.serving.registry import Input, Model, Output

_HERE = "aeolian.serving.models."
_ONCE_THERE = "comes with a later release of Aeolian"
NOVICE_DJ = "novice_dj"

_MIDI_OUT = Output("midi", "BYTES", help="A MIDI file.", content_type="audio/midi")
_WAV_OUT = Output("wav", "BYTES", help="A WAV file, 16 bits.", content_type="audio/wav")
_SAMPLES_OUT = Output("samples", "FP32", (-1, -1), "The samples, [channels, n].")
_RATE_OUT = Output("sample_rate", "INT64", help="Samples a second.")
_TEXT = "BYTES"


def _choice(name: str, default: str, choices: tuple[str, ...], help: str) -> Input:
    return Input(name, _TEXT, (1,), f"{help} One of {', '.join(choices)}.", False, default, choices=choices)


TRANSCRIBE = Model(
    "transcribe",
    "The notes in a recording.",
    (
        AUDIO,
        SAMPLES,
        RATE,
        _choice("backend", "auto", ("auto", "onsets-frames", "basic-pitch"), "The model that listens."),
    ),
    (
        Output("onset_s", "FP64", (-1,), "When each note begins, in seconds."),
        Output("offset_s", "FP64", (-1,), "When it ends."),
        Output("pitch", "INT64", (-1,), "Its pitch, 0 to 127."),
        Output("velocity", "INT64", (-1,), "How hard it is struck, 1 to 127."),
        _MIDI_OUT,
        Output("backend", _TEXT, help="The model that listened."),
    ),
    f"{_HERE}transcribe:make",
    needs=("onnxruntime", "soundfile", "soxr", "symusic", "imageio_ffmpeg"),
)
GENERATE = Model(
    "generate",
    "Plays on from a MIDI file, or from nothing, event by event.",
    (
        Input("midi", "BYTES", (1,), "The seed: the bytes of a MIDI file.", False, most=MIDI.most),
        option("length", "INT64", 512, "Events to add to the seed.", 1, 4096),
        option("temperature", "FP32", 1.0, "Below 1 safer, above 1 wilder; 0 the likeliest.", 0, 10),
        option("top_k", "INT64", 0, "Draw from the k likeliest events only; 0 from all.", 0, 388),
        option("top_p", "FP32", 0.95, "Draw from the likeliest events that hold this share.", 0, 1),
        option("min_p", "FP32", 0.0, "Draw only what is so many times as likely as the likeliest.", 0, 1),
        option("seed", "INT64", 0, "The same one gives the same music.", 0, 2**63 - 1),
        option("prime", "INT64", 0, "How many of the seed's events to go on from; 0 for all.", 0, 1 << 20),
        option("continuation_only", "BOOL", False, "The MIDI file holds only what is new."),
    ),
    (
        Output("token", "INT64", (-1,), "Each event as it is played: its token,"),
        Output("event", _TEXT, (-1,), "its kind: note_on, note_off, time_shift or velocity,"),
        Output("value", "INT64", (-1,), "its value: a pitch, steps of 10 ms, a bin of velocity,"),
        Output("time_s", "FP64", (-1,), "and when it sounds, in seconds after the seed's end."),
        _MIDI_OUT,
    ),
    f"{_HERE}generate:make",
    streams=True,
    needs=("symusic", "safetensors", "threadpoolctl"),
)
RENDER = Model(
    "render",
    "MIDI as sound, played with a soundfont.",
    (
        MIDI,
        option("sample_rate", "INT64", 44_100, "Samples a second.", 8_000, 192_000),
        option("program", "INT64", 0, "The instrument, counted from 0; 0 is a grand piano.", 0, 127),
    ),
    (_WAV_OUT,),
    f"{_HERE}render:make",
    needs=("symusic", "soundfile", "tinysoundfont", "pretty_midi"),
)
PLOT = Model(
    "plot",
    "A picture: of a recording its waveform or spectrogram, of MIDI its piano roll.",
    (
        AUDIO,
        SAMPLES,
        RATE,
        Input("midi", "BYTES", (1,), "For a piano roll: the bytes of a MIDI file.", False, most=MIDI.most),
        _choice("kind", "spectrogram", ("waveform", "spectrogram", "piano-roll"), "What to draw."),
        _choice("format", "png", ("png", "svg"), "How to write it."),
        Input("title", _TEXT, (1,), "Above the picture.", False, "", most=400),
    ),
    (Output("picture", "BYTES", help="The picture."),),
    f"{_HERE}plot:make",
    needs=("matplotlib", "soundfile", "symusic", "imageio_ffmpeg"),
)
CONVERT = Model(
    "convert",
    "A recording of any kind as WAV.",
    (
        Input("audio", "BYTES", (1,), AUDIO.help, most=AUDIO.most),
        option(
            "sample_rate",
            "INT64",
            None,
            "Samples a second of the WAV; the recording's own if not given.",
            8_000,
            192_000,
        ),
        option("channels", "INT64", None, "1 or 2; as in the recording, at most 2, if not given.", 1, 2),
    ),
    (_WAV_OUT, _RATE_OUT, Output("duration_s", "FP64", help="How long it is, in seconds.")),
    f"{_HERE}convert:make",
    needs=("imageio_ffmpeg", "pydub"),
)
EFFECTS = Model(
    "effects",
    "Sound through a chain of effects.",
    (
        AUDIO,
        SAMPLES,
        RATE,
        Input("chain", _TEXT, (1,), "The chain: compress | pitch 7 | delay 0.25 0.8 | reverb", True, "", most=4000),
    ),
    (_SAMPLES_OUT, _RATE_OUT),
    f"{_HERE}effects:make",
    needs=("scipy", "python_stretch", "soundfile", "imageio_ffmpeg"),
)
DJ = Model(
    NOVICE_DJ,
    "A compressor, the dry sound mixed with itself later and seven semitones up, and reverb.",
    (
        Input("song", "FP32", (-1, -1), "The samples, [channels, n].", most=SAMPLES.most),
        Input("sample_rate", "INT64", (1,), "Samples a second.", limits=RATE.limits),
    ),
    (Output("output-0", "FP32", (-1, -1), "The samples, [channels, n].", "np"),),
    f"{_HERE}effects:make_novice_dj",
    needs=("scipy", "python_stretch", "soundfile", "imageio_ffmpeg"),
)


def _later(name: str, help: str, inputs: tuple[Input, ...], outputs: tuple[Output, ...], extra: str) -> Model:
    why = f"{_ONCE_THERE}, with aeolian[{extra}]"
    return Model(name, help, inputs, outputs, f"{_HERE}none:make", why_not=why)


EMBED = _later(
    "embed", "A vector for a recording.", (AUDIO, SAMPLES, RATE), (Output("vector", "FP32", (-1,)),), "similar"
)
SIMILAR = _later(
    "similar", "The songs most like one.", (AUDIO, SAMPLES, RATE), (Output("song", _TEXT, (-1,)),), "similar"
)
MUSICGEN = _later(
    "musicgen_model",
    "Music by its description.",
    (
        Input("text", _TEXT, (-1,), "What the music is like."),
        option("guidance_scale", "FP32", 3.0, "How closely it follows the text.", 0, 100),
        option("max_new_tokens", "INT64", 256, "How long it is.", 1, 1500),
    ),
    (Output("output-0", "FP32", (-1, -1)),),
    "musicgen",
)
MODELS = [TRANSCRIBE, GENERATE, RENDER, PLOT, CONVERT, EFFECTS, DJ, EMBED, SIMILAR, MUSICGEN]


def find_models(names: tuple[str, ...] = ()) -> list[Model]:
    """The models of these names, or all."""
    return [model for model in MODELS if not names or model.name in names]
