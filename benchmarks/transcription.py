"""How fast and how well the backends hear: Basic Pitch against the package's own `predict`, both against a piano.

    .venv/bin/python benchmarks/transcription.py --stock BP/bin/python --maps ../shared/data/audio/maps-enstdkam.tar

`--stock` is the Python of an environment with basic-pitch and its friends (`scripts/make_transcription_goldens.py`
tells how to make one).
`--maps` is a tar of recordings (.flac) with ground truth (.tsv: onset, offset, note, velocity). Without either, the
sample clips are heard. Basic Pitch's limit is the network alone, on windows that are ready; that of Onsets and Frames
(`--model`, or the one that is shipped, or drawn weights of its size) the arithmetic of its network at the speed of
onnxruntime's matrix product on all cores, measured in the same run.
Each program hears all files, warm, in a process of its own; the rounds alternate, the best of each counts.
Scores are mir_eval's: onsets within 50 ms, pitch within 50 cents, offsets within max(50 ms, 20 %), means over pieces.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WORKERS = ("ours", "network", "stock", "onsets-frames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="recordings to hear, besides those of --maps")
    parser.add_argument("--stock", type=Path, help="a Python that has the package basic-pitch with its dependencies")
    parser.add_argument("--maps", type=Path, help="tar of recordings with ground truth")
    parser.add_argument("--pieces", type=int, default=4, help="how many pieces of --maps, shortest first")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", type=Path, help="an Onsets and Frames model's folder")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.files, options.model)
        return
    if not options.files and not options.maps:
        options.files = sorted((Path(__file__).resolve().parents[1] / "samples" / "audio").glob("*.mp3"))
    with tempfile.TemporaryDirectory() as folder:
        truths = unpack(options.maps, options.pieces, Path(folder)) if options.maps else {}
        compare([*options.files, *truths], truths, options)


def unpack(archive_path, pieces, folder):
    with tarfile.open(archive_path) as archive:
        flacs = sorted((m for m in archive if m.name.endswith(".flac")), key=lambda m: m.size)[:pieces]
        found = {}
        for member in flacs:
            for name in (member.name, member.name.replace(".flac", ".tsv")):
                (folder / Path(name).name).write_bytes(archive.extractfile(name).read())
            path = folder / Path(member.name).name
            found[path] = path.with_suffix(".tsv")
    return found


def compare(files, truths, options):
    import soundfile

    seconds = sum(soundfile.info(file).duration for file in files)
    print(f"{len(files)} recordings, {seconds / 60:.1f} minutes")
    pythons = dict.fromkeys(("ours", "network", "onsets-frames"), sys.executable) | (
        {"stock": str(options.stock)} if options.stock else {}
    )
    runs = {name: [] for name in pythons}
    for _ in range(options.rounds):
        for name, python in pythons.items():
            argv = [python, __file__, "--worker", name, *map(str, files)]
            argv += ["--model", str(options.model)] if options.model else []
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    for name, rounds in runs.items():
        best = min(rounds, key=lambda r: r["seconds"])
        print(f"{name:13} {seconds / best['seconds']:6.1f} x real time, {best['megabytes']} MB", end="")
        if truths and name != "network":
            scores = [score(best["notes"][str(f)], truth(t)) for f, t in truths.items()]
            onset, offset = (100 * statistics.mean(column) for column in zip(*scores, strict=True))
            print(f", onset F1 {onset:.1f}, onset+offset F1 {offset:.1f} over {len(truths)} pieces", end="")
        print()
    fastest = {name: min(r["seconds"] for r in rounds) for name, rounds in runs.items()}
    print(f"ours at {fastest['network'] / fastest['ours']:.0%} of the speed of the network alone")
    flops = runs["onsets-frames"][0]["flops_a_second"] * seconds
    rate = matrix_product_flops()
    print(
        f"onsets-frames at {flops / rate / fastest['onsets-frames']:.0%} of the limit of {seconds * rate / flops:.0f} x"
        f" real time: {flops / seconds / 1e9:.2f} GFLOP a second of sound, matrix products at {rate / 1e9:.0f} GFLOP/s"
    )
    if "stock" in runs:
        print(f"ours at {fastest['stock'] / fastest['ours']:.2f} x the speed of the stock")
        ours, stock = runs["ours"][0]["notes"], runs["stock"][0]["notes"]
        agreement = [score(ours[file], stock[file], onset_s=0.001)[0] for file in ours]
        print(f"ours against stock: note F1 at 1 ms {min(agreement):.4f} at worst, over {len(agreement)} recordings")


def score(estimated, reference, onset_s=0.05):
    import mir_eval
    import numpy as np

    def columns(notes):
        table = np.array(notes, float).reshape(-1, 4)
        return table[:, :2], 440.0 * 2 ** ((table[:, 2] - 69) / 12)

    if not estimated or not reference:
        return (float(not estimated and not reference),) * 2
    arguments = (*columns(reference), *columns(estimated))
    return tuple(
        mir_eval.transcription.precision_recall_f1_overlap(*arguments, onset_tolerance=onset_s, offset_ratio=ratio)[2]
        for ratio in (None, 0.2)
    )


def truth(path):
    rows = [line.split() for line in path.read_text().splitlines() if line and not line.startswith(("#", "onset"))]
    return [[float(onset), float(offset), int(float(note)), 0] for onset, offset, note, *_ in rows]


def work(name, files, model):
    told = {}
    if name == "onsets-frames":
        hear, told["flops_a_second"] = hear_onsets_frames(model)
    else:
        hear = {"ours": hear_ours, "network": hear_network, "stock": hear_stock}[name]()
    hear(files[0])
    begin = time.perf_counter()
    notes = {str(file): hear(file) for file in files}
    seconds = time.perf_counter() - begin
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "notes": notes, **told}))


def hear_ours():
    from aeolian.stages.recording_readers import open_recording
    from aeolian.transcription.basic_pitch import BasicPitch

    model = BasicPitch()

    def hear(file):
        with open_recording(file) as recording:
            return model.transcribe(recording).rows()

    return hear


def hear_network():
    """The network's answers to as many windows as a recording has, the reading and the decoding left out."""
    import numpy as np
    import soundfile

    from aeolian.transcription import basic_pitch
    from aeolian.transcription.threads import available_threads

    session = basic_pitch.BasicPitch()._session
    window = np.zeros((2, basic_pitch.WINDOW_SAMPLES, 1), np.float32)
    feed = {session.get_inputs()[0].name: window}

    def hear(file):
        windows = math.ceil(soundfile.info(file).duration * basic_pitch.SAMPLE_RATE_HZ / basic_pitch.STRIDE_SAMPLES)
        with ThreadPoolExecutor(available_threads()) as pool:
            list(pool.map(lambda _: session.run(None, feed)[0].shape, range(math.ceil(windows / len(window)))))
        return []

    return hear


def hear_onsets_frames(folder):
    from aeolian.stages.recording_readers import open_recording
    from aeolian.stages.shipped_models import shipped_models
    from aeolian.stages.transcribers import SHIPPED
    from aeolian.transcription.onsets_and_frames.config import PRESETS
    from aeolian.transcription.onsets_and_frames.transcriber import OnsetsFrames
    from aeolian.transcription.onsets_and_frames.weights import write_model

    with tempfile.TemporaryDirectory() as drawn:
        folder = folder or shipped_models().get(SHIPPED)
        if folder is None:
            sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit" / "transcription"))
            from small_model import drawn_weights

            folder = Path(drawn)
            write_model(folder, PRESETS["small"], drawn_weights(PRESETS["small"]), half=True)
        model = OnsetsFrames(folder)

    def hear(file):
        with open_recording(file) as recording:
            return model.transcribe(recording).rows()

    return hear, flops_a_second(model.config)


def flops_a_second(config):
    """Multiplications and additions that the network needs for a second of sound."""
    from aeolian.transcription.mel import FRAMES_PER_S, MEL_BINS
    from aeolian.transcription.onsets_and_frames.weights import expected_shapes

    pools = config.conv_pools
    times = {f"conv_{n}": MEL_BINS // math.prod(pools[:n]) for n in range(len(pools))}
    kernels = [(name, shape) for name, shape in expected_shapes(config).items() if name.endswith("kernel")]
    a_frame = sum(2 * math.prod(shape) * times.get(name.split(".")[1], 1) for name, shape in kernels)
    return a_frame * FRAMES_PER_S


def matrix_product_flops(size=2048):
    """Of float32 matrices on all cores by onnxruntime, the best of five."""
    import numpy as np
    import onnx
    import onnxruntime

    a, b, c = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size, size]) for name in "abc")
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [a, b], [c])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ones, best = np.ones((size, size), np.float32), math.inf
    for _ in range(5):
        begin = time.perf_counter()
        session.run(["c"], {"a": ones, "b": ones})
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def hear_stock():
    from basic_pitch.inference import ICASSP_2022_MODEL_PATH, Model, predict

    model = Model(str(ICASSP_2022_MODEL_PATH))

    def hear(file):
        _, _, found = predict(file, model)
        return [[float(a), float(b), int(p), round(127 * float(v))] for a, b, p, v, _ in found]

    return hear


if __name__ == "__main__":
    main()
