#!/usr/bin/env python3
"""benchmarks/compare_torch.py with stand-ins for train_bench and for PyTorch: what it makes of good
runs, of late and early failures, and of time that runs out."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIDE = """#!{python}
import json, os, sys
value = lambda name: sys.argv[sys.argv.index(name) + 1]
side = value("--mode") if "--mode" in sys.argv else \\
    "autotune" if "--autotune" in sys.argv else "fovea"
assert os.environ["TORCHINDUCTOR_CACHE_DIR"] and os.environ["FOVEA_COMMIT"] == "abc"
counter = os.path.join({folder!r}, side)
runs = int(open(counter).read()) + 1 if os.path.exists(counter) else 1
open(counter, "w").write(str(runs))
if runs > {rounds}.get(side, 9):
    sys.exit("first line\\nit broke")
speed = {{"autotune": 1500, "fovea": 1200, "eager": 900, "compile": 1000, "cuda_graph": 950,
          "compile_cuda_graph": 1400}}[side]
row = {{"status": "ok", "images_per_second": speed + runs, "dataset_bytes": 100,
        "milliseconds_per_step": {{"median": 1, "p10": 1, "p90": 2, "count": 5}},
        "peak_device_bytes": 300 if side in ("autotune", "fovea") else 500}}
if "--mode" in sys.argv:
    row |= {{"peak_reserved_bytes": 900,
             "cuda_graphs_per_step": {{"launched": int(side != "compile"),
                                      "made": int(side == "cuda_graph")}}}}
json.dump({{"rows": [row]}}, open(value("--json"), "w"))
"""
ROW = "cifar10_cnn:32:tf32"


class CompareTorch(unittest.TestCase):
    def compare(self, rounds_before_failure, *arguments):
        """The report for one row, the table, and the exit code."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "bin").mkdir()
            side = folder / "bin/train_bench"
            side.write_text(SIDE.format(python=sys.executable, folder=name,
                                        rounds=rounds_before_failure))
            side.chmod(0o755)
            done = subprocess.run(
                [sys.executable, ROOT / "benchmarks/compare_torch.py", "--build", folder,
                 "--python", side, "--rows", ROW, "--json", folder / "report.json", *arguments],
                env=os.environ | {"FOVEA_COMMIT": "abc"}, capture_output=True, text=True,
                check=False)
            self.assertEqual(done.stderr, "")
            report = json.loads((folder / "report.json").read_text())
            self.assertTrue(report["complete"])
            self.assertEqual(report["commit"], "abc")
            return report, done.stdout, done.returncode

    def test_judges_the_autotuned_side(self):
        report, table, code = self.compare({})
        result = report["results"][ROW]
        self.assertEqual(result["failures"], {})
        self.assertEqual(set(result["rounds"].values()), {3})
        self.assertEqual(result["images_per_second"]["fovea autotune"], 1502, "the median")
        self.assertEqual(result["best_of_torch"]["side"], "torch compile_cuda_graph")
        self.assertAlmostEqual(result["best_of_torch"]["fovea autotune"], 1502 / 1402)
        ratios = {count: of["fovea autotune"]["torch eager"]
                  for count, of in result["memory_ratios"].items()}
        self.assertEqual(ratios, {"allocated": 0.6, "reserved": 3 / 9,
                                  "allocated_without_data": 0.5, "reserved_without_data": 0.25})
        self.assertEqual({row["name"].split(": ")[1]: row["passed"] for row in report["rows"]},
                         {"speed over eager": True, "speed over compile": True,
                          "speed over compile_cuda_graph": False, "memory over eager": True})
        self.assertEqual(result["not_replayed"],
                         {"torch compile": "it launches no CUDA graph",
                          "torch cuda_graph": "it makes CUDA graphs anew in each step"})
        self.assertIn("it launches no CUDA graph", table)
        self.assertEqual(code, 1, "one target is missed")

    def test_a_late_failure_keeps_earlier_rounds(self):
        report, table, code = self.compare({"eager": 2, "cuda_graph": 0})
        result = report["results"][ROW]
        self.assertEqual(result["rounds"]["torch eager"], 2)
        self.assertEqual(result["images_per_second"]["torch eager"], 901.5)
        self.assertEqual(result["failures"]["torch eager"]["after_rounds"], 2)
        self.assertEqual(result["failures"]["torch cuda_graph"],
                         {"reason": "exit code 1: it broke", "after_rounds": 0,
                          "stderr": ["first line", "it broke"]})
        self.assertIsNone(result["images_per_second"]["torch cuda_graph"])
        self.assertIn("FAIL: exit code 1: it broke", table)
        self.assertEqual(code, 1)

    def test_what_there_is_no_time_for_is_a_failed_row(self):
        report, _, code = self.compare({}, "--minutes", "0.01")
        self.assertEqual(set(report["results"][ROW]["rounds"].values()), {0})
        self.assertFalse(any(row["passed"] for row in report["rows"]))
        self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
