"""Our ONNX files in ONNX Runtime, and other programs' ONNX files here: equal predictions.

    python tests/interop/onnx_cases.py build/release/bin/fovea_io

Needs numpy, safetensors, onnx and onnxruntime; models that PyTorch and Keras exported lie in
tests/golden/onnx.
"""

import functools
import pathlib

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

from cases import expect_close, main

GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "onnx"


def in_onnxruntime(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run(session, inputs):
    names = [info.name for info in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def expect_equal(found, expected, what):
    assert found.keys() == expected.keys(), f"{what}: {list(found)}, not {list(expected)}"
    for name, values in expected.items():
        expect_close(found[name], values, what=f"{what}, output {name},")


def random_inputs(session, scale):
    random = np.random.default_rng(5)
    inputs = {}
    for info in session.get_inputs():
        assert not isinstance(info.shape[0], int), f"the batch of {info.name} is not open"
        values = random.random((3, *info.shape[1:])) * scale
        inputs[info.name] = values.astype(np.float32)
    return inputs


def exported(network, scale, fovea):
    """A network of fovea_io's, exported: ONNX Runtime against the library, and imported again."""
    own, file = fovea.path("m.safetensors"), fovea.path("m.onnx")
    fovea.run("zoo", network, own)
    fovea.run("convert", own, file)
    session = in_onnxruntime(file)
    inputs = random_inputs(session, scale)
    theirs = run(session, inputs)
    expect_equal(fovea.predict(own, inputs), theirs, "our own file")
    expect_equal(fovea.predict(file, inputs), theirs, "imported again")


def imported(path, fovea):
    """Another program's file: its predictions here, and of our export of it in ONNX Runtime."""
    arrays = load_file(path.with_suffix(".safetensors"))
    inputs = {info.name: arrays.pop(info.name) for info in in_onnxruntime(path).get_inputs()}
    expect_equal(fovea.predict(path, inputs), arrays, "imported")
    fovea.run("convert", path, fovea.path("again.onnx"))
    expect_equal(run(in_onnxruntime(fovea.path("again.onnx")), inputs), arrays, "exported again")


def case(name, function, *arguments):
    bound = functools.partial(function, *arguments)
    bound.__name__ = name
    return bound


# What the networks take: pictures with pixels from 0 to 255, or numbers from 0 to 1.
EXPORTS = {
    "lenet5": 255,
    "cifar10_cnn": 255,
    "resnet20": 255,
    "vgg16_32": 255,
    "mnist_cnn": 255,
    "wine": 1,
    "branches": 1,
}

if __name__ == "__main__":
    files = sorted(GOLDEN.glob("*.onnx"))
    assert len(files) >= 8, f"only {len(files)} models in {GOLDEN}"
    cases = [case(f"onnx_export_{name}", exported, name, scale) for name, scale in EXPORTS.items()]
    main(cases + [case(f"onnx_import_{path.stem}", imported, path) for path in files])
