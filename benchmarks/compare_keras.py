#!/usr/bin/env python3
"""Trains model 12 in Fovea and in Keras, alternating on this machine, and compares the two.

Model 12 is CIFAR-10's CNN of 122,570 parameters: C32, MaxPool2, C64, MaxPool2, C64 (3x3, relu),
Flatten, D64, D10; Adam, sparse categorical cross-entropy. Both sides get the same pictures (uint8,
scaled inside), the same batch sizes and the same number of threads. Each run is a process of its
own; the sides alternate, so that a change in the machine's mood meets both; medians are compared.
Images per second are batch size / median seconds of a step, warm-up excluded, on both sides. Peak
memory is the kernel's high-water mark of the whole process, on both sides.

Keras first runs each of the ways to train below for a short while. Plain fit(), which is how nearly
everybody trains, and the two fastest others take part in every round; Fovea is held against fit() and
against the best median of the three.

The third side is a floor: the time that oneDNN's fastest primitives need for the model's
convolutions alone (benchmarks/conv_floor.cpp), against Fovea's whole training step.

Prints one row per target and exits with 0 only if all of them pass. A side that cannot be had is a
failed row.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = {  # ways to train in Keras, as arguments of keras_side.py; "fit" is what its guide shows
    "fit": [],
    "fit, tf.data": ["--input", "tf.data"],
    "fit, 16 steps per execution": ["--steps-per-execution", 16],
    "fit, tf.data, 16 steps per execution": ["--input", "tf.data", "--steps-per-execution", 16],
    "fit, tf.data, compiled by XLA": ["--input", "tf.data", "--jit-compile"],
    "train_on_batch": ["--input", "train_on_batch"],
}
OTHERS = 2  # a short run shows neither the cost of feeding a whole epoch nor the machine's moods
SPEED_TARGETS = {32: 2.0, 256: 1.3}  # Fovea's images/s over Keras's, at least
MEMORY_TARGET = 0.5                  # Fovea's peak memory over Keras's, at most
FLOOR_TARGET = 0.65                  # the convolutions' time over our whole step's, at least


class SideFailed(Exception):
    """One side could not be installed or run; the message says why."""


def run(command, log, threads):
    """Runs a command to its end; returns its peak resident memory in bytes."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    with open(log, "w") as output:
        try:
            process = subprocess.Popen([str(word) for word in command], stdout=output,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       preexec_fn=lambda: os.sched_setaffinity(0, cores))
        except OSError as error:
            raise SideFailed(f"{command[0]}: {error.strerror}") from error
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = Path(log).read_text(errors="replace").strip().splitlines()[-1:]
        raise SideFailed(f"{Path(command[0]).name} exited with {process.returncode}: "
                         f"{' '.join(last)} (all of it in {log})")
    return usage.ru_maxrss * 1024


def write_pictures(folder, count):
    """Random pictures in CIFAR-10's official binary layout: speed does not depend on them."""
    if (folder / "batches.meta.txt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(0)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for name in names:
        with open(folder / name, "wb") as file:
            for _ in range(count // 5):
                file.write(bytes([generator.randrange(10)]) + generator.randbytes(3072))
    # Last, so that an interrupted run does not leave a folder that looks complete.
    (folder / "batches.meta.txt").write_text("".join(f"class{i}\n" for i in range(10)))


def install_keras(folder, package):
    """A virtual environment with the package; returns its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    log = folder / "pip.log"
    try:
        run([python, "-m", "pip", "install", "--quiet", package], log, os.cpu_count())
    except SideFailed as error:
        raise SideFailed(f"{package} cannot be installed: {error}") from error
    return python


class Sides:
    """The three sides; each method is one run, and returns what that run reported."""

    def __init__(self, arguments, work):
        self._arguments = arguments
        self._work = work
        self.data = work / f"pictures_{arguments.pictures}"
        self.python = None

    def _run(self, name, command):
        report, log = self._work / f"{name}.json", self._work / f"{name}.log"
        report.unlink(missing_ok=True)
        peak = run([*command, "--threads", self._arguments.threads, "--json", report], log,
                   self._arguments.threads)
        try:
            return json.loads(report.read_text()) | {"peak_bytes": peak}
        except (OSError, ValueError) as error:
            raise SideFailed(f"{name} wrote no report: {error}") from error

    def keras(self, variant, batch, steps):
        return self._run("keras", [
            self.python, ROOT / "benchmarks/keras_side.py", *VARIANTS[variant],
            "--data", self.data, "--batch-size", batch, "--steps", steps])

    def fovea(self, batch, seed):
        return self._run("fovea", [
            self._arguments.build / "bin/train_cifar10", "--model", "cifar10_cnn",
            "--data", self.data, "--device", "cpu", "--epochs", 1, "--batch-size", batch,
            "--test-samples", batch, "--seed", seed, "--quiet"])

    def floor(self, batch):
        return self._run("floor", [self._arguments.build / "bin/conv_floor", "--batch", batch])


def choose_finalists(sides, batch):
    """Plain fit() and Keras's fastest other variants, and what each of all reached."""
    steps = max(4800 // batch, 20)
    rates = {}
    for variant in VARIANTS:
        rates[variant] = sides.keras(variant, batch, steps)["images_per_second"]
        print(f"  keras, {variant}: {rates[variant]:,.0f} images/s", flush=True)
    others = sorted((rate, variant) for variant, rate in rates.items() if variant != "fit")
    return ["fit"] + [variant for _, variant in others[-OTHERS:]], rates


class Sampler:
    """Runs the sides in turn and keeps their reports; a side that failed once is not run again."""

    def __init__(self):
        self.reports = {}
        self.failures = {}

    def sample(self, side, measure):
        if side in self.failures:
            return
        try:
            report = measure()
        except SideFailed as error:
            self.failures[side] = str(error)
            print(f"  {side} failed: {error}", flush=True)
        else:
            self.reports.setdefault(side, []).append(report)

    def over_runs(self, side, key, reduce=statistics.median):
        """The median, or another reduction, over the runs of a side; None where it failed."""
        if side in self.failures or side not in self.reports:
            return None
        return reduce(report[key] for report in self.reports[side])


def ratio(numerator, denominator):
    return numerator / denominator if numerator and denominator else None


def compare(sides, batch, arguments, keras_failure):
    """Everything measured at one batch size."""
    print(f"batch {batch}", flush=True)
    sampler = Sampler()
    finalists, tried = [], {}
    if keras_failure:
        sampler.failures["keras"] = keras_failure
    else:
        try:
            finalists, tried = choose_finalists(sides, batch)
        except SideFailed as error:
            sampler.failures["keras"] = str(error)
    for repeat in range(arguments.repeats):
        for variant in finalists:
            sampler.sample(f"keras, {variant}",
                           lambda: sides.keras(variant, batch, arguments.pictures // batch))
        sampler.sample("fovea", lambda: sides.fovea(batch, repeat))
        sampler.sample("floor", lambda: sides.floor(batch))
        print(f"  run {repeat + 1} of {arguments.repeats}: " + ", ".join(
            f"{side} {reports[-1]['images_per_second']:,.0f} images/s"
            for side, reports in sampler.reports.items() if side != "floor"), flush=True)

    fovea = sampler.over_runs("fovea", "images_per_second")
    rates = {variant: sampler.over_runs(f"keras, {variant}", "images_per_second")
             for variant in finalists}
    fastest = max((variant for variant in finalists if rates[variant]), key=rates.get, default=None)
    keras = rates.get(fastest)
    # Against the floor, best run against best run: it says how near a step comes to what the machine
    # can do, and a machine that changes its speed between two runs must not blur that.
    best = sampler.over_runs("fovea", "images_per_second", max)
    step_ms = 1000 * batch / best if best else None
    floor_ms = sampler.over_runs("floor", "milliseconds_per_step", min)
    memory = {"fovea": sampler.over_runs("fovea", "peak_bytes"),
              "keras": sampler.over_runs(f"keras, {fastest}", "peak_bytes")}
    return {
        "fovea_images_per_second": fovea,
        "keras_images_per_second": keras,
        "ratio": ratio(fovea, keras),
        "keras_fit_images_per_second": rates.get("fit"),
        "ratio_to_fit": ratio(fovea, rates.get("fit")),
        "fovea_peak_bytes": memory["fovea"],
        "keras_peak_bytes": memory["keras"],
        "memory_ratio": ratio(memory["fovea"], memory["keras"]),
        "fovea_milliseconds_per_step": step_ms,
        "floor_milliseconds_per_step": floor_ms,
        "floor_ratio": ratio(floor_ms, step_ms),
        "keras_variant": fastest,
        "keras_finalists_images_per_second": rates,
        "keras_variants_tried_images_per_second": tried,
        "failures": sampler.failures,
        "runs": sampler.reports,
    }


def judge(name, value, target, at_least, detail):
    """One row: what was measured, its target, and whether it holds."""
    passed = value is not None and (value >= target if at_least else value <= target)
    return {"name": name, "value": value, "target": target, "at_least": at_least,
            "passed": passed, "detail": detail}


def shown(value, unit, digits=0):
    return "none" if value is None else f"{value:,.{digits}f} {unit}"


def rows_of(batch, result):
    """The rows of one batch size."""
    rates = [shown(result[f"{side}_images_per_second"], "images/s") for side in ("fovea", "keras")]
    peaks = [shown(result[f"{side}_peak_bytes"], "bytes") for side in ("fovea", "keras")]
    times = [shown(result[f"{side}_milliseconds_per_step"], "ms", 2) for side in ("fovea", "floor")]
    rows = []
    if batch in SPEED_TARGETS:
        fit = shown(result["keras_fit_images_per_second"], "images/s")
        rows.append(judge(f"batch {batch}: speed over Keras's fit()", result["ratio_to_fit"],
                          SPEED_TARGETS[batch], True, f"{rates[0]}, Keras {fit}"))
        rows.append(judge(f"batch {batch}: speed over Keras's best", result["ratio"],
                          SPEED_TARGETS[batch], True,
                          f"{rates[0]}, Keras {rates[1]} ({result['keras_variant']})"))
    rows.append(judge(f"batch {batch}: memory over Keras's", result["memory_ratio"], MEMORY_TARGET,
                      False, f"{peaks[0]}, Keras {peaks[1]}"))
    rows.append(judge(f"batch {batch}: convolutions over step", result["floor_ratio"], FLOOR_TARGET,
                      True, f"{times[0]} a step, oneDNN's convolutions alone {times[1]}"))
    return rows


def print_rows(rows, failures):
    print()
    for row in rows:
        value = "none" if row["value"] is None else f"{row['value']:.2f}"
        sign = ">=" if row["at_least"] else "<="
        print(f"{'pass' if row['passed'] else 'FAIL'}  {row['name']:<34} {value:>5}  "
              f"(target {sign} {row['target']}): {row['detail']}")
    for failure in failures:
        print(f"FAIL  {failure}")


def machine():
    """What the numbers depend on."""
    def first(path, key):
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return None

    return {
        "cpu": first("/proc/cpuinfo", "model name") or platform.machine(),
        "avx512": "avx512f" in (first("/proc/cpuinfo", "flags") or ""),
        "cores": len(os.sched_getaffinity(0)),
        "memory": first("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
    }


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True,
                              check=False).stdout.strip()

    return git("rev-parse", "HEAD") + ("-modified" if git("status", "--porcelain") else "")


def versions(results):
    found = {"python": platform.python_version()}
    for result in results.values():
        for reports in result["runs"].values():
            found |= reports[-1].get("versions", {})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side")
    parser.add_argument("--pictures", type=int, default=50_000, help="per run; a multiple of 5")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--keras-package", default="tensorflow-cpu==2.21.0")
    arguments = parser.parse_args()

    work = ROOT / "build/compare_keras"
    work.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine(), "commit": commit(), "threads": arguments.threads,
             "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    if about["machine"]["load_before"] > 0.5:
        print(f"warning: the machine is busy (load {about['machine']['load_before']:.1f}); "
              "what else runs here falsifies the comparison")

    sides = Sides(arguments, work)
    write_pictures(sides.data, arguments.pictures)
    keras_failure = None
    try:
        sides.python = install_keras(ROOT / "build/keras-venv", arguments.keras_package)
    except SideFailed as error:
        keras_failure = str(error)

    results = {batch: compare(sides, batch, arguments, keras_failure)
               for batch in arguments.batch_sizes}
    rows = [row for batch, result in results.items() for row in rows_of(batch, result)]
    failures = [f"batch {batch}: {side}: {why}" for batch, result in results.items()
                for side, why in result["failures"].items()]
    print_rows(rows, failures)
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {f"batch_{batch}": result for batch, result in results.items()}
            | about | {"versions": versions(results), "rows": rows}, indent=2) + "\n")
    return 0 if not failures and all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
