#!/usr/bin/env python3
"""Predicts with Fovea and with ONNX Runtime on this CPU, in turns, and compares the two.

The same networks with the same random weights: Fovea's zoo writes them (fovea_io), as its own file
for itself and as ONNX for the other, whose answers must agree. For each network, batch size and
number of threads both sides are loaded once, each in a process of its own; then rounds alternate,
in which a side predicts the same batch again and again for a while, so that a change in the
machine's mood meets both. A round's result is its median; the ratio is that of the medians over
rounds, ONNX Runtime's milliseconds over Fovea's: above 1, Fovea is faster. Both sides take and give
f32 arrays in memory of the caller's. What Python adds to a call of ONNX Runtime's is measured with
a network that does nothing, and taken off.

    pip install onnxruntime onnx numpy safetensors
    benchmarks/compare_onnxruntime.py --json benchmarks/results/compare_onnxruntime.json
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ["cifar10_cnn", "resnet20", "vgg16_32"]
TARGET = 1.0

SIDE = "--onnxruntime-side"


def onnxruntime_side(path, batch, threads, seconds):
    """The other side's process: a round for each line of standard input."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for value in session.get_inputs():
        shape = [batch] + value.shape[1:]
        array = (numpy.arange(numpy.prod(shape)) % 255).astype(numpy.float32).reshape(shape)
        binding.bind_ortvalue_input(value.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    for value in session.get_outputs():
        array = numpy.zeros([batch] + value.shape[1:], numpy.float32)
        binding.bind_ortvalue_output(value.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    for _ in range(3):
        session.run_with_iobinding(binding)
    for _ in sys.stdin:
        times = []
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            session.run_with_iobinding(binding)
            times.append(1e3 * (time.perf_counter() - begin))
        print(json.dumps({"median": statistics.median(times), "count": len(times)}), flush=True)


class Side:
    """A process that runs a round when asked."""

    def __init__(self, command, threads):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def round(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)["median"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def save_identity(path):
    """A network of one float that does nothing."""
    import onnx
    from onnx import helper, TensorProto

    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", [value("x")],
                              [value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)


def agree(fovea, onnx_file, work):
    """The largest difference between the two sides' answers to the same pictures."""
    import numpy
    import onnxruntime
    from safetensors.numpy import load_file, save_file

    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    shape = [4] + session.get_inputs()[0].shape[1:]
    x = numpy.random.default_rng(0).uniform(0, 255, shape).astype(numpy.float32)
    save_file({name: x}, work / "x.safetensors")
    subprocess.run([BIN / "fovea_io", "predict", fovea, work / "x.safetensors",
                    work / "y.safetensors"], check=True)
    ours = next(iter(load_file(work / "y.safetensors").values()))
    return float(numpy.abs(ours - session.run(None, {name: x})[0]).max())


def compare(options):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        save_identity(work / "nothing.onnx")
        for name in NETWORKS:
            subprocess.run([BIN / "fovea_io", "zoo", name, work / f"{name}.safetensors"], check=True)
            subprocess.run([BIN / "fovea_io", "convert", work / f"{name}.safetensors",
                            work / f"{name}.onnx"], check=True)
            difference = agree(work / f"{name}.safetensors", work / f"{name}.onnx", work)
            if not difference < 1e-5:
                sys.exit(f"{name}: the answers differ by {difference}")
            for batch in options.batches:
                rows.append(race(options, work, name, batch))
                show(rows[-1])
    return rows


def race(options, work, name, batch):
    ours_command = [BIN / "predict_latency", "--model", work / f"{name}.safetensors", "--batch", batch,
                    "--threads", options.threads, "--rounds", 10**6, "--seconds", options.seconds,
                    "--on-request"]
    theirs_command = lambda file, size: [sys.executable, __file__, SIDE, work / file, size,
                                         options.threads, options.seconds]
    with Side(theirs_command("nothing.onnx", 1), options.threads) as nothing:
        overhead = statistics.median(nothing.round() for _ in range(3))
    ours, theirs = [], []
    with Side(ours_command, options.threads) as fovea, \
         Side(theirs_command(f"{name}.onnx", batch), options.threads) as other:
        for _ in range(options.rounds):
            ours.append(fovea.round())
            theirs.append(other.round() - overhead)
    ratio = statistics.median(theirs) / statistics.median(ours)
    return {"network": name, "batch": batch, "threads": options.threads,
            "fovea_ms": statistics.median(ours), "onnxruntime_ms": statistics.median(theirs),
            "python_overhead_ms": overhead, "ratio": ratio,
            "fovea_rounds_ms": ours, "onnxruntime_rounds_ms": theirs, "passed": ratio >= TARGET}


def show(row):
    print(f"{row['network']:12} batch {row['batch']:3}  Fovea {row['fovea_ms']:9.3f} ms  ONNX Runtime "
          f"{row['onnxruntime_ms']:9.3f} ms  ratio {row['ratio']:.2f}  "
          f"{'pass' if row['passed'] else 'FAIL'}", flush=True)


def machine():
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                      if line.startswith("model name")), platform.processor())
    return {"processor": processor, "cores": len(os.sched_getaffinity(0)),
            "system": platform.platform()}


def main():
    global BIN
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    BIN = options.build / "bin"
    import onnxruntime

    rows = compare(options)
    if options.json:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                                capture_output=True).stdout.strip()
        options.json.write_text(json.dumps(
            {"command": " ".join(sys.argv), "commit": commit, "machine": machine(),
             "onnxruntime": onnxruntime.__version__,
             "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "rounds": options.rounds, "seconds_per_round": options.seconds, "rows": rows},
            indent=1) + "\n")
    sys.exit(0 if all(row["passed"] for row in rows) else 1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == SIDE:
        onnxruntime_side(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
