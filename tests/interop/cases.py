"""What the scripts of this folder share: cases, and arrays handed to and fro with fovea_io."""

import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np
import safetensors.numpy


class Fovea:
    """The program fovea_io, with a folder for its files."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = pathlib.Path(folder)

    def path(self, name):
        return str(self.folder / name)

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, f"fovea_io {words[0]} failed: {done.stderr.strip()}"

    def predict(self, model, inputs):
        """The outputs, by name, of a model's file for arrays by the inputs' names."""
        arrays = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        safetensors.numpy.save_file(arrays, self.path("inputs.safetensors"))
        self.run("predict", model, self.path("inputs.safetensors"),
                 self.path("outputs.safetensors"))
        return safetensors.numpy.load_file(self.path("outputs.safetensors"))

    def train(self, model, inputs, targets, steps, to):
        """Updates on one batch; the trained model goes to another file."""
        arrays = {**inputs, **{f"target:{name}": array for name, array in targets.items()}}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        safetensors.numpy.save_file(arrays, self.path("inputs.safetensors"))
        self.run("train", model, self.path("inputs.safetensors"), steps, to)


def expect_close(found, expected, tolerance=1e-5, what="predictions"):
    """|difference| / max |expected|, at most the tolerance."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: {found.shape}, not {expected.shape}"
    error = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)
    assert error <= tolerance, f"{what} differ by {error:.2e}, more than {tolerance:g}"


def main(cases):
    """Runs each function of the list, or those whose names hold argument 2; the last line counts."""
    program = sys.argv[1]
    chosen = [case for case in cases if len(sys.argv) < 3 or sys.argv[2] in case.__name__]
    failed = 0
    for case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(Fovea(program, folder))
                print(f"ok    {case.__name__}", flush=True)
            except Exception as error:  # a case's failure must not hide the others
                failed += 1
                print(f"FAIL  {case.__name__}: {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
    print(f"cases: {len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
