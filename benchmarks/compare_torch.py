#!/usr/bin/env python3
"""Trains the same networks in Fovea and in PyTorch, alternating on this machine, and compares them.

Fovea is build/.../bin/train_bench, PyTorch is benchmarks/torch_peer.py in several ways of
training: eager, torch.compile with CUDA graphs, and the whole step captured by hand. Each run is
a process of its own; the sides alternate, round by round, so that a change in the machine's mood
meets all of them; medians over the rounds are compared. Both count milliseconds per step over
whole epochs, warm-up excluded, and the device memory of their own allocator at its peak.

Targets, for every network and batch size: 1.5 times PyTorch's eager speed, 1.1 times that of
torch.compile with CUDA graphs, 0.8 of eager PyTorch's memory. Where the time given runs out,
what was not measured is a failed row, and so is a side that cannot run. The exit code is 0 only
if every row passes.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ["cifar10_cnn:32:tf32", "cifar10_cnn:128:tf32", "cifar10_cnn:1024:tf32",
        "resnet18:256:bf16"]
MODES = ["eager", "compile", "cuda_graph"]
PICTURES = {"cifar10_cnn": 50_000, "resnet20": 50_000, "resnet18": 2_560, "vgg16": 2_560}
EAGER_TARGET = 1.5    # Fovea's images/s over PyTorch's, at least
COMPILE_TARGET = 1.1
MEMORY_TARGET = 0.8   # Fovea's peak memory over PyTorch's, at most


class Clock:
    """How much of the time given is left."""

    def __init__(self, minutes):
        self._end = time.monotonic() + 60 * minutes

    def left(self):
        return self._end - time.monotonic()


class Sampler:
    """Runs sides and keeps their rows; a side that failed once is not run again."""

    def __init__(self, clock, run_seconds):
        self._clock = clock
        self._run_seconds = run_seconds
        self._longest = {}  # seconds that a run of each side took
        self.rows = {}
        self.failures = {}
        self.about = {}

    def sample(self, side, command):
        if side in self.failures:
            return None
        seconds = min(self._run_seconds, self._clock.left())
        if seconds < 1.3 * self._longest.get(side, 4):
            if side not in self.rows:
                self.failures[side] = "no time was left to run it"
            return None
        begin = time.monotonic()
        row = self._run(side, [str(word) for word in command], seconds)
        self._longest[side] = max(time.monotonic() - begin, self._longest.get(side, 0))
        if row["status"] != "ok":
            self.failures[side] = row.get("reason", "failed without a reason")
            return None
        self.rows.setdefault(side, []).append(row)
        return row

    def _run(self, side, command, seconds):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "row.json"
            try:
                done = subprocess.run([*command, "--json", str(report)], capture_output=True,
                                      text=True, timeout=seconds, check=False)
            except subprocess.TimeoutExpired:
                return {"status": "failed", "reason": f"it took more than {seconds:.0f} seconds"}
            except OSError as error:
                return {"status": "failed", "reason": f"{command[0]}: {error.strerror}"}
            try:
                written = json.loads(report.read_text())
            except (OSError, ValueError):
                said = (done.stderr or done.stdout).strip().splitlines()[-1:]
                return {"status": "failed",
                        "reason": f"exit code {done.returncode}: {' '.join(said)}"}
        self.about[side.split(" ")[0]] = {key: value for key, value in written.items()
                                          if key != "rows"}
        return written["rows"][0]

    def median(self, side, key):
        """Over the rounds; None where the side has not run."""
        values = [row[key] for row in self.rows.get(side, []) if row.get(key)]
        return statistics.median(values) if values and side not in self.failures else None


def commands(row, arguments):
    """The sides of one row, by name, in the order in which they run."""
    model, batch, precision = row.split(":")
    steps = arguments.steps or max(PICTURES[model] // int(batch), 1)
    common = ["--model", model, "--batch", batch, "--precision", precision, "--device",
              arguments.device, "--steps", steps, "--epochs", arguments.epochs, "--warm-up",
              arguments.warm_up]
    sides = {"fovea": [arguments.build / "bin/train_bench", *common]}
    for mode in arguments.modes:
        sides[f"torch {mode}"] = [arguments.python, ROOT / "benchmarks/torch_peer.py", *common,
                                  "--mode", mode]
    return sides


def ratio(numerator, denominator):
    return numerator / denominator if numerator and denominator else None


def judge(name, value, target, at_least, detail):
    passed = value is not None and (value >= target if at_least else value <= target)
    return {"name": name, "value": value, "target": target, "at_least": at_least,
            "passed": passed, "detail": detail}


def shown(value, unit):
    return "none" if value is None else f"{value:,.0f} {unit}"


def result_of(row, sampler, arguments):
    """What was measured for one network and batch size, and the rows that judge it."""
    speed = {side: sampler.median(side, "images_per_second")
             for side in commands(row, arguments)}
    memory = {side: sampler.median(side, "peak_device_bytes") for side in speed}
    ours = speed["fovea"]
    judged = []
    for mode, target in (("eager", EAGER_TARGET), ("compile", COMPILE_TARGET),
                         ("max_autotune", COMPILE_TARGET)):
        side = f"torch {mode}"
        if side in speed:
            judged.append(judge(f"{row}: speed over {mode}", ratio(ours, speed[side]), target, True,
                                f"{shown(ours, 'images/s')}, PyTorch "
                                f"{shown(speed[side], 'images/s')}"))
    if "torch eager" in speed and arguments.device.startswith("cuda"):
        judged.append(judge(f"{row}: memory over eager",
                            ratio(memory["fovea"], memory["torch eager"]), MEMORY_TARGET, False,
                            f"{shown(memory['fovea'], 'bytes')}, PyTorch "
                            f"{shown(memory['torch eager'], 'bytes')}"))
    return {
        "images_per_second": speed,
        "speed_ratios": {side: ratio(ours, other) for side, other in speed.items()
                         if side != "fovea"},
        "peak_device_bytes": memory,
        "memory_ratios": {side: ratio(memory["fovea"], other) for side, other in memory.items()
                          if side != "fovea"},
        "failures": sampler.failures,
        "runs": sampler.rows,
    }, judged


def print_table(results):
    print(f"\n{'network:batch:precision':<26}{'side':<20}{'ms/step':>10}{'p10-p90':>18}"
          f"{'images/s':>12}{'ours/theirs':>13}{'MiB':>10}{'ours/theirs':>13}")
    for name, result in results.items():
        for side, speed in result["images_per_second"].items():
            if speed is None:
                print(f"{name:<26}{side:<20}  {result['failures'].get(side, 'not measured')}")
                continue
            row = result["runs"][side][-1]["milliseconds_per_step"]
            batch = int(name.split(":")[1])
            memory = result["peak_device_bytes"][side]
            ratios = [result[key].get(side) for key in ("speed_ratios", "memory_ratios")]
            texts = [f"{value:.2f}" if value else "-" for value in ratios]
            spread = f"{row['p10']:.3f}-{row['p90']:.3f}"
            print(f"{name:<26}{side:<20}{1000 * batch / speed:>10.3f}{spread:>18}{speed:>12,.0f}"
                  f"{texts[0]:>13}{memory / 2**20 if memory else 0:>10,.0f}{texts[1]:>13}")


def print_judgement(rows):
    print()
    for row in rows:
        value = "none" if row["value"] is None else f"{row['value']:.2f}"
        sign = ">=" if row["at_least"] else "<="
        print(f"{'pass' if row['passed'] else 'FAIL'}  {row['name']:<48} {value:>6}  "
              f"(target {sign} {row['target']}): {row['detail']}")


def commit():
    if os.environ.get("FOVEA_COMMIT"):
        return os.environ["FOVEA_COMMIT"]
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True,
                         check=False)
    return git.stdout.strip() or "unknown"


def write(path, results, judged, samplers, complete):
    if path is None:
        return
    about = {}
    for sampler in samplers.values():
        about |= sampler.about
    path.write_text(json.dumps(
        {"commit": commit(), "complete": complete, "about": about, "results": results,
         "rows": judged,
         "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")},
        indent=2) + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=ROWS, metavar="MODEL:BATCH:PRECISION")
    parser.add_argument("--modes", nargs="+", default=MODES,
                        choices=["eager", "compile", "max_autotune", "cuda_graph"],
                        help="ways to train in PyTorch (max_autotune takes minutes)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--minutes", type=float, default=60, help="for everything")
    parser.add_argument("--run-seconds", type=float, default=240, help="for one run of one side")
    parser.add_argument("--steps", type=int, help="in an epoch; default: by network and batch")
    parser.add_argument("--epochs", type=int, default=5, help="timed ones")
    parser.add_argument("--warm-up", type=int, default=2, help="epochs before the timed ones")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    arguments = parser.parse_args()
    for row in arguments.rows:
        parts = row.split(":")
        if len(parts) != 3 or parts[0] not in PICTURES or not parts[1].isdigit():
            parser.error(f"a row is MODEL:BATCH:PRECISION, such as {ROWS[0]}, not '{row}'")
    return arguments


def main():
    arguments = parse()
    clock = Clock(arguments.minutes)
    samplers = {row: Sampler(clock, arguments.run_seconds) for row in arguments.rows}
    results, judged = {}, []
    for round_number in range(1, arguments.rounds + 1):
        for row, sampler in samplers.items():
            for side, command in commands(row, arguments).items():
                measured = sampler.sample(side, command)
                if measured:
                    print(f"round {round_number}, {row}, {side}: "
                          f"{measured['images_per_second']:,.0f} images/s", flush=True)
                elif round_number == 1:
                    print(f"round 1, {row}, {side}: FAIL: {sampler.failures[side]}", flush=True)
        # After every round, so that a run that is stopped leaves what it has measured.
        results, judged = {}, []
        for row, sampler in samplers.items():
            results[row], rows = result_of(row, sampler, arguments)
            judged += rows
        write(arguments.json, results, judged, samplers, round_number == arguments.rounds)
    print_table(results)
    print_judgement(judged)
    failed = any(result["failures"] for result in results.values())
    return 0 if not failed and all(row["passed"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
