#!/usr/bin/env python3
"""Trains the same networks in Fovea and in PyTorch, alternating on this machine, and compares them.

Fovea is build/.../bin/train_bench, with --autotune, which the targets are about since PyTorch
runs with cuDNN's benchmarking, and without. PyTorch is benchmarks/torch_peer.py in several ways
of training: eager, torch.compile with CUDA graphs, and the whole step captured by hand, eager or
compiled. Each run is a process of its own; the sides alternate, round by round, so that a change
in the machine's mood meets all of them; medians over the rounds are compared. Both count
milliseconds per step over whole epochs, warm-up excluded, and the device memory of their own
allocator at its peak.

Targets, for every network and batch size: 1.5 times PyTorch's eager speed, 1.1 times that of
torch.compile with CUDA graphs, its own or captured by hand, 0.8 of eager PyTorch's memory. Where
the time given runs out, what was not measured is a failed row, and so is a side that cannot run;
one that failed in a later round keeps its earlier rounds. The exit code is 0 only if every row
passes and no side failed.
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
OURS = ["fovea autotune", "fovea"]  # the targets are about the first
MODES = ["eager", "compile", "cuda_graph", "compile_cuda_graph"]
GRAPH_MODES = ["compile", "max_autotune", "cuda_graph", "compile_cuda_graph"]
PICTURES = {"cifar10_cnn": 50_000, "resnet20": 50_000, "resnet18": 2_560, "vgg16": 2_560}
EAGER_TARGET = 1.5    # Fovea's images/s over PyTorch's, at least
COMPILE_TARGET = 1.1
MEMORY_TARGET = 0.8   # Fovea's peak memory over PyTorch's, at most
MEMORY_COUNTS = {
    "allocated": "what the allocator handed out at most, data set included",
    "reserved": "what the allocator held of the device at most, data set included; Fovea takes from "
                "the device just what it hands out",
    "allocated_without_data": "allocated, less the data set's bytes",
    "reserved_without_data": "reserved, less the data set's bytes",
}


class Clock:
    """How much of the time given is left."""

    def __init__(self, minutes):
        self._end = time.monotonic() + 60 * minutes

    def left(self):
        return self._end - time.monotonic()


class Sampler:
    """Runs sides and keeps their rows; a side that failed once is not run again."""

    def __init__(self, clock, run_seconds, environment):
        self._clock = clock
        self._run_seconds = run_seconds
        self._environment = environment
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
                self.failures[side] = {"reason": "no time was left to run it"}
            return None
        begin = time.monotonic()
        row = self._run(side, [str(word) for word in command], seconds)
        self._longest[side] = max(time.monotonic() - begin, self._longest.get(side, 0))
        if row["status"] != "ok":
            self.failures[side] = {"reason": row.get("reason", "failed without a reason"),
                                   "after_rounds": len(self.rows.get(side, [])),
                                   "stderr": row.get("stderr", [])}
            return None
        self.rows.setdefault(side, []).append(row)
        return row

    def _run(self, side, command, seconds):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "row.json"
            try:
                done = subprocess.run([*command, "--json", str(report)], capture_output=True,
                                      text=True, errors="replace", timeout=seconds, check=False,
                                      env=self._environment)
            except subprocess.TimeoutExpired as expired:
                return {"status": "failed", "reason": f"it took more than {seconds:.0f} seconds",
                        "stderr": tail_of(expired.stderr)}
            except OSError as error:
                return {"status": "failed", "reason": f"{command[0]}: {error.strerror}"}
            try:
                written = json.loads(report.read_text())
            except (OSError, ValueError):
                said = (done.stderr or done.stdout).strip().splitlines()[-1:]
                return {"status": "failed",
                        "reason": f"exit code {done.returncode}: {' '.join(said)}",
                        "stderr": tail_of(done.stderr)}
        self.about[side.split(" ")[0]] = {key: value for key, value in written.items()
                                          if key != "rows"}
        return {"stderr": tail_of(done.stderr)} | written["rows"][0]

    def median(self, side, of):
        """Of a number of each row, over the rounds; None where there is none."""
        values = [of(row) for row in self.rows.get(side, [])]
        values = [value for value in values if value]
        return statistics.median(values) if values else None


def tail_of(text):
    """The last lines; of bytes, where a process that was ended left those."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    return text.splitlines()[-20:]


def commands(row, arguments):
    """The sides of one row, by name, in the order in which they run."""
    model, batch, precision = row.split(":")
    steps = arguments.steps or max(PICTURES[model] // int(batch), 1)
    common = ["--model", model, "--batch", batch, "--precision", precision, "--device",
              arguments.device, "--steps", steps, "--epochs", arguments.epochs, "--warm-up",
              arguments.warm_up]
    sides = {side: [arguments.build / "bin/train_bench", *common] for side in OURS}
    sides["fovea autotune"].append("--autotune")
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


def memory_of(count, row):
    """Bytes, as MEMORY_COUNTS says; None where they are not known."""
    allocated = row.get("peak_device_bytes")
    held = row.get("peak_reserved_bytes", allocated) if count.startswith("reserved") else allocated
    return held - row["dataset_bytes"] if held and count.endswith("without_data") else held


def result_of(row, sampler, arguments):
    """What was measured for one network and batch size, and the rows that judge it."""
    sides = list(commands(row, arguments))
    theirs = [side for side in sides if side not in OURS]
    speed = {side: sampler.median(side, lambda each: each["images_per_second"]) for side in sides}
    memory = {count: {side: sampler.median(side, lambda each, count=count: memory_of(count, each))
                      for side in sides} for count in MEMORY_COUNTS}
    ours = speed[OURS[0]]
    judged = []
    for mode, target in (("eager", EAGER_TARGET), ("compile", COMPILE_TARGET),
                         ("max_autotune", COMPILE_TARGET), ("compile_cuda_graph", COMPILE_TARGET)):
        side = f"torch {mode}"
        if side in speed:
            judged.append(judge(f"{row}: speed over {mode}", ratio(ours, speed[side]), target, True,
                                f"{shown(ours, 'images/s')}, PyTorch "
                                f"{shown(speed[side], 'images/s')}"))
    if "torch eager" in speed and arguments.device.startswith("cuda"):
        allocated = memory["allocated"]
        judged.append(judge(f"{row}: memory over eager",
                            ratio(allocated[OURS[0]], allocated["torch eager"]), MEMORY_TARGET,
                            False, f"{shown(allocated[OURS[0]], 'bytes')}, PyTorch "
                                   f"{shown(allocated['torch eager'], 'bytes')}"))
    best = max((side for side in theirs if speed[side]), key=speed.get, default=None)
    return {
        "rounds": {side: len(sampler.rows.get(side, [])) for side in sides},
        "images_per_second": speed,
        "speed_ratios": {mine: {side: ratio(speed[mine], speed[side]) for side in theirs}
                         for mine in OURS},
        "best_of_torch": {"side": best} | {mine: ratio(speed[mine], speed.get(best))
                                           for mine in OURS},
        "peak_bytes": memory,
        "memory_ratios": {count: {mine: {side: ratio(bytes_of[mine], bytes_of[side])
                                         for side in theirs} for mine in OURS}
                          for count, bytes_of in memory.items()},
        "not_replayed": not_replayed(sampler.rows),
        "failures": sampler.failures,
        "runs": sampler.rows,
    }, judged


def not_replayed(rows):
    """The sides that should replay CUDA graphs and of which that was not seen, and what was."""
    notes = {}
    for side in (f"torch {mode}" for mode in GRAPH_MODES):
        graphs = [row.get("cuda_graphs_per_step") for row in rows.get(side, [])]
        if None in graphs:
            notes[side] = "whether it replays CUDA graphs is unknown"
        elif any(each["launched"] == 0 for each in graphs):
            notes[side] = "it launches no CUDA graph"
        elif any(each["made"] > 0 for each in graphs):
            notes[side] = "it makes CUDA graphs anew in each step"
    return notes


def text_of(value, form):
    return format(value, form) if value else "-"


def print_table(results):
    print(f"\n{'network:batch:precision':<24}{'side':<26}{'rounds':>6}{'ms/step':>10}"
          f"{'p10-p90, last round':>21}{'images/s':>12}" +
          "".join(f"{mine + '/it':>19}" for mine in OURS))
    for name, result in results.items():
        for side, speed in result["images_per_second"].items():
            failure = result["failures"].get(side, {}).get("reason")
            if speed is None:
                print(f"{name:<24}{side:<26}{0:>6}  {failure or 'not measured'}")
                continue
            row = result["runs"][side][-1]["milliseconds_per_step"]
            batch = int(name.split(":")[1])
            spread = f"{row['p10']:.3f}-{row['p90']:.3f}"
            ratios = [result["speed_ratios"][mine].get(side) for mine in OURS]
            notes = [note for note in (failure, result["not_replayed"].get(side)) if note]
            print(f"{name:<24}{side:<26}{result['rounds'][side]:>6}{1000 * batch / speed:>10.3f}"
                  f"{spread:>21}{speed:>12,.0f}" +
                  "".join(f"{text_of(value, '.2f'):>19}" for value in ratios) +
                  "".join(f"  ({note})" for note in notes))


def print_memory(results):
    """MiB, and in brackets what Fovea with --autotune has of it."""
    print("\nPeak memory in MiB, and Fovea's over it:")
    for count, meaning in MEMORY_COUNTS.items():
        print(f"  {count}: {meaning}")
    print(f"{'network:batch:precision':<24}{'side':<26}" +
          "".join(f"{count:>24}" for count in MEMORY_COUNTS))
    for name, result in results.items():
        for side in result["images_per_second"]:
            texts = []
            for count, bytes_of in result["peak_bytes"].items():
                over = result["memory_ratios"][count][OURS[0]].get(side)
                mebibytes = bytes_of[side] / 2**20 if bytes_of[side] else None
                texts.append(text_of(mebibytes, ",.0f") + (f" ({over:.2f})" if over else ""))
            print(f"{name:<24}{side:<26}" + "".join(f"{text:>24}" for text in texts))


def print_judgement(results, rows):
    print()
    for name, result in results.items():
        best = result["best_of_torch"]
        if best["side"]:
            print(f"      {name}: speed over PyTorch's best, {best['side']}: " +
                  ", ".join(f"{text_of(best[mine], '.2f')} ({mine})" for mine in OURS))
    for row in rows:
        value = "none" if row["value"] is None else f"{row['value']:.2f}"
        sign = ">=" if row["at_least"] else "<="
        print(f"{'pass' if row['passed'] else 'FAIL'}  {row['name']:<52} {value:>6}  "
              f"(target {sign} {row['target']}): {row['detail']}")


def commit():
    if os.environ.get("FOVEA_COMMIT"):
        return os.environ["FOVEA_COMMIT"]

    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True,
                              check=False).stdout.strip()

    commit_hash = git("rev-parse", "HEAD")
    if not commit_hash:
        return "unknown"
    return commit_hash + ("-modified" if git("status", "--porcelain") else "")


def write(path, results, judged, samplers, complete):
    if path is None:
        return
    about = {}
    for sampler in samplers.values():
        about |= sampler.about
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(
        {"commit": os.environ["FOVEA_COMMIT"], "complete": complete, "about": about,
         "memory_counts": MEMORY_COUNTS, "results": results, "rows": judged,
         "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")},
        indent=2) + "\n")
    part.replace(path)


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=ROWS, metavar="MODEL:BATCH:PRECISION")
    parser.add_argument("--modes", nargs="+", default=MODES,
                        choices=["eager", *GRAPH_MODES],
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


def summarise(arguments, samplers, complete):
    results, judged = {}, []
    for row, sampler in samplers.items():
        results[row], rows = result_of(row, sampler, arguments)
        judged += rows
    write(arguments.json, results, judged, samplers, complete)
    return results, judged


def main():
    arguments = parse()
    clock = Clock(arguments.minutes)
    os.environ["FOVEA_COMMIT"] = commit()  # for the sides, too
    # What torch.compile has compiled in one round serves the next.
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(arguments.build.resolve() / "torchinductor")}
    samplers = {row: Sampler(clock, arguments.run_seconds, cache | os.environ)
                for row in arguments.rows}
    for round_number in range(1, arguments.rounds + 1):
        for row, sampler in samplers.items():
            for side, command in commands(row, arguments).items():
                had_failed = side in sampler.failures
                measured = sampler.sample(side, command)
                if measured:
                    print(f"round {round_number}, {row}, {side}: "
                          f"{measured['images_per_second']:,.0f} images/s", flush=True)
                elif side in sampler.failures and not had_failed:
                    print(f"round {round_number}, {row}, {side}: FAIL: "
                          f"{sampler.failures[side]['reason']}", flush=True)
                # After every run, so that one that is stopped leaves what it has measured.
                summarise(arguments, samplers, False)
    results, judged = summarise(arguments, samplers, True)
    print_table(results)
    print_memory(results)
    print_judgement(results, judged)
    failed = any(result["failures"] for result in results.values())
    return 0 if not failed and all(row["passed"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
