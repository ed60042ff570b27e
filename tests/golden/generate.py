#!/usr/bin/env python3
"""Writes what Keras computes into the files that the tests labelled "golden" compare with.

    python3 tests/golden/generate.py        (needs: pip install tensorflow-cpu)

The files are committed with the versions that made them: the tests need no Python.
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 20


def versions():
    return {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}


def write(name, content):
    """A line per key."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}"
             for key, value in {"versions": versions(), **content}.items()]
    path = HERE / f"{name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(path.name)


def numbers(values):
    return [float(f"{v:.8g}") for v in np.asarray(values, dtype=np.float32).ravel()]


def optimizers():
    """Name in Fovea -> Keras's."""
    o = keras.optimizers
    return {
        "sgd": o.SGD(),
        "momentum": o.SGD(0.01, momentum=0.9),
        "nesterov": o.SGD(0.01, momentum=0.9, nesterov=True),
        "adagrad": o.Adagrad(),
        "rmsprop": o.RMSprop(),
        "rmsprop_momentum": o.RMSprop(0.002, rho=0.8, momentum=0.5),
        "rmsprop_centered": o.RMSprop(centered=True),
        "rmsprop_centered_momentum": o.RMSprop(momentum=0.5, centered=True),
        "adam": o.Adam(),
        "adamw": o.AdamW(),
        "adamax": o.Adamax(),
        "nadam": o.Nadam(),
        "nadam_slow": o.Nadam(0.01, beta_1=0.5, beta_2=0.9),
        "adam_clip_value": o.Adam(clipvalue=0.5),
        "sgd_clip_norm": o.SGD(clipnorm=0.5),
        "sgd_global_clip_norm": o.SGD(global_clipnorm=0.5),
        "sgd_decay": o.SGD(weight_decay=0.01),
    }


def write_optimizers():
    """Two parameters on a fixed path of gradients; their values after every step."""
    random = np.random.default_rng(1)
    first = [random.normal(size=(3, 2)), random.normal(size=(5,))]
    gradients = [[random.normal(size=w.shape) * scale for w in first]
                 for scale in np.geomspace(1, 0.01, STEPS)]
    trajectories = {}
    for name, optimizer in optimizers().items():
        variables = [keras.Variable(w.astype(np.float32)) for w in first]
        steps = []
        for step in gradients:
            optimizer.apply([tf.constant(g, tf.float32) for g in step], variables)
            steps.append([numbers(v) for v in variables])
        trajectories[name] = steps
    write("optimizers", {"weights": [numbers(w) for w in first],
                         "gradients": [[numbers(g) for g in step] for step in gradients],
                         "after": trajectories})


def loss_cases():
    """Name -> loss in Fovea, its options, targets, outputs, Keras's function."""
    random = np.random.default_rng(2)
    outputs = random.normal(size=(4, 5))
    probabilities = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    one_hot = np.eye(5)[[3, 0, 1, 4]]
    answers = random.integers(0, 2, size=(4, 5))
    k = keras.losses
    cases = {
        "categorical_crossentropy": (one_hot, probabilities, k.categorical_crossentropy),
        "binary_crossentropy": (answers, probabilities, k.binary_crossentropy),
        "mean_squared_error": (one_hot, outputs, k.mean_squared_error),
        "mean_absolute_error": (one_hot, outputs, k.mean_absolute_error),
        "huber": (one_hot, outputs, k.huber),
        "log_cosh": (one_hot, outputs, k.log_cosh),
        "poisson": (one_hot, np.exp(outputs), k.poisson),
        "hinge": (answers, outputs, k.hinge),
        "squared_hinge": (answers, outputs, k.squared_hinge),
        "categorical_hinge": (one_hot, outputs, k.categorical_hinge),
        "kl_divergence": (probabilities[::-1], probabilities, k.kl_divergence),
        "cosine_similarity": (one_hot, outputs, k.cosine_similarity),
    }
    for name, case in cases.items():
        yield name, name, {}, *case
    logits = {"from_logits": True}
    yield ("categorical_from_logits", "categorical_crossentropy", logits, one_hot, outputs,
           k.CategoricalCrossentropy(reduction=None, **logits))
    yield ("binary_from_logits", "binary_crossentropy", logits, answers, outputs,
           k.BinaryCrossentropy(reduction=None, **logits))
    yield ("categorical_extreme_logits", "categorical_crossentropy", logits, one_hot,
           40 * outputs, k.CategoricalCrossentropy(reduction=None, **logits))
    yield ("binary_extreme_logits", "binary_crossentropy", logits, answers, 40 * outputs,
           k.BinaryCrossentropy(reduction=None, **logits))
    yield ("categorical_smoothed", "categorical_crossentropy", {"label_smoothing": 0.1}, one_hot,
           probabilities, k.CategoricalCrossentropy(label_smoothing=0.1, reduction=None))
    yield ("binary_smoothed", "binary_crossentropy", {"label_smoothing": 0.1}, answers,
           probabilities, k.BinaryCrossentropy(label_smoothing=0.1, reduction=None))
    yield ("huber_delta", "huber", {"delta": 0.25}, one_hot, outputs,
           k.Huber(delta=0.25, reduction=None))
    certain = np.eye(5)[[3, 1, 1, 0]]  # right, wrong, right, wrong
    yield ("categorical_certain", "categorical_crossentropy", {}, one_hot, certain,
           k.categorical_crossentropy)
    yield "binary_certain", "binary_crossentropy", {}, answers, certain, k.binary_crossentropy
    yield ("one_sample", "mean_squared_error", {}, one_hot[:1], outputs[:1],
           k.mean_squared_error)
    yield ("one_number", "binary_crossentropy", {}, answers[:, :1], probabilities[:, :1],
           k.binary_crossentropy)
    pictures = random.normal(size=(3, 4, 2, 5))
    yield ("of_pictures", "mean_absolute_error", {}, pictures, pictures[::-1],
           lambda t, o: np.asarray(k.mean_absolute_error(t, o)).mean(axis=(1, 2)))


def write_losses():
    """Each loss of every sample. Of pictures, Keras gives one number per pixel: their mean."""
    write("losses", {name: {"loss": loss, "options": options, "shape": list(o.shape),
                            "targets": numbers(t), "outputs": numbers(o),
                            "losses": numbers(f(t.astype(np.float32), o.astype(np.float32)))}
                     for name, loss, options, t, o, f in loss_cases()})


if __name__ == "__main__":
    write_optimizers()
    write_losses()
