"""Keras's half of compare_keras.py: trains model 12 once, in this process, and writes how fast.

Runs in the virtual environment that compare_keras.py makes. Each way of training that it offers is
one that a Keras user would write.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

def model_12():
    return keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])


def read_cifar10(folder):
    """The training pictures (uint8, NHWC) and labels of the official binary layout."""
    records = np.concatenate([
        np.fromfile(os.path.join(folder, f"data_batch_{i}.bin"), np.uint8).reshape(-1, 3073)
        for i in range(1, 6)
    ])
    pictures = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), records[:, 0].astype(np.int32)


class StepClock(keras.callbacks.Callback):
    """Seconds per step; with several steps per execution, their mean within each execution."""

    def __init__(self):
        super().__init__()
        self.seconds = []
        self._last_time = self._last_step = None

    def on_epoch_begin(self, epoch, logs=None):
        self._last_time, self._last_step = time.perf_counter(), -1

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.seconds.append((now - self._last_time) / (batch - self._last_step))
        self._last_time, self._last_step = now, batch


def fit(model, how, x, y, batch):
    clock = StepClock()
    if how == "numpy":
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0, callbacks=[clock])
    else:
        data = tf.data.Dataset.from_tensor_slices((x, y))
        data = data.shuffle(10_000).batch(batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
        model.fit(data, epochs=1, verbose=0, callbacks=[clock])
    return clock.seconds


def train_on_batch(model, x, y, batch):
    order = np.random.default_rng(0).permutation(len(x))
    seconds = []
    for begin in range(0, len(x), batch):
        start = time.perf_counter()
        rows = order[begin:begin + batch]
        model.train_on_batch(x[rows], y[rows])
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", choices=["numpy", "tf.data", "train_on_batch"], default="numpy",
                        help="how the pictures reach the model")
    parser.add_argument("--steps-per-execution", type=int, default=1)
    parser.add_argument("--jit-compile", action="store_true", help="instead of Keras's \"auto\"")
    parser.add_argument("--data", required=True, help="folder in CIFAR-10's binary layout")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True, help="timed steps")
    parser.add_argument("--warmup-steps", type=int, default=48)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--json", required=True)
    arguments = parser.parse_args()

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    keras.utils.set_random_seed(0)
    batch = arguments.batch_size
    x, y = read_cifar10(arguments.data)

    model = model_12()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"],
                  jit_compile=arguments.jit_compile or "auto",
                  steps_per_execution=arguments.steps_per_execution)

    def train(steps):
        # Whole batches only: a short last one would be traced and compiled as a shape of its own.
        count = min(steps, len(x) // batch) * batch
        if arguments.input == "train_on_batch":
            return train_on_batch(model, x[:count], y[:count], batch)
        return fit(model, arguments.input, x[:count], y[:count], batch)

    train(arguments.warmup_steps)
    start = time.perf_counter()
    seconds = train(arguments.steps)
    whole = time.perf_counter() - start
    with open(arguments.json, "w") as file:
        json.dump({
            "jit_compile": bool(model.jit_compile),
            "steps": arguments.steps,
            "images_per_second": batch / statistics.median(seconds),
            "seconds_in_all": whole,
            "parameters": model.count_params(),
            "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        }, file)


if __name__ == "__main__":
    main()
