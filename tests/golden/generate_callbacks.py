#!/usr/bin/env python3
"""Writes callbacks.json: what Keras's callbacks do when they are told made-up metrics.

    python3 tests/golden/generate_callbacks.py        (needs: pip install tensorflow-cpu)
"""

import contextlib
import io

import keras
import numpy as np

from generate import write

LOSSES = {
    "falling": [0.9, 0.7, 0.5, 0.4, 0.35, 0.3],
    "rising": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "bumpy": [0.9, 0.5, 0.6, 0.55, 0.45, 0.46, 0.47, 0.44, 0.5, 0.5, 0.5, 0.5],
    "flat": [0.5, 0.5, 0.5, 0.49999, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4],
    "not_finite": [float("nan"), 0.5, float("nan"), 0.6, 0.4, float("inf"), 0.5, 0.6],
}

EARLY_STOPPING = {
    "defaults": {},
    "patience_2": {"patience": 2, "restore_best_weights": True},
    "min_delta": {"patience": 2, "min_delta": 0.06},
    "max": {"patience": 1, "mode": "max"},
    "baseline": {"patience": 3, "baseline": 0.48, "restore_best_weights": True},
    "late": {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True},
}

REDUCE = {
    "patience_1": {"patience": 1},
    "cooldown": {"patience": 2, "factor": 0.5, "cooldown": 2},
    "min_lr": {"patience": 0, "factor": 0.25, "min_lr": 0.02},
    "min_delta": {"patience": 2, "min_delta": 0.1},
}

CHECKPOINT = {
    "best": {"save_best_only": True},
    "best_max": {"save_best_only": True, "mode": "max"},
    "all": {},
}


class FakeModel:
    """What callbacks ask of a model."""

    def __init__(self):
        self.stop_training = False
        self.weights = 0
        self.saved = []
        self.metrics = []
        self.optimizer = keras.optimizers.SGD(0.1)

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite=True):
        self.saved.append(path)


def run(callback, losses):
    """The model after the epochs up to the last or to the stop, its rates, and what was said."""
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    said = io.StringIO()
    epochs = 0
    with contextlib.redirect_stdout(said):
        for epoch, loss in enumerate(losses):
            callback.on_epoch_begin(epoch)
            model.weights = epoch
            callback.on_epoch_end(epoch, {"val_loss": loss})
            rates.append(float(np.float32(model.optimizer.learning_rate)))
            epochs += 1
            if model.stop_training:
                break
        callback.on_train_end()
    lines = [line for line in said.getvalue().splitlines()
             if line and "finished saving" not in line]
    return model, epochs, rates, lines


def main():
    c = keras.callbacks
    content = {"losses": LOSSES, "early_stopping": {}, "reduce_lr": {}, "checkpoint": {}}
    for series, losses in LOSSES.items():
        for name, options in EARLY_STOPPING.items():
            model, epochs, _, lines = run(c.EarlyStopping(verbose=1, **options), losses)
            content["early_stopping"][f"{name}/{series}"] = {
                "epochs": epochs, "weights_of_epoch": model.weights, "messages": lines}
        for name, options in REDUCE.items():
            _, _, rates, _ = run(c.ReduceLROnPlateau(**options), losses)
            content["reduce_lr"][f"{name}/{series}"] = rates
        for name, options in CHECKPOINT.items():
            path = "m{epoch:02d}-{val_loss:.4f}.keras"
            model, _, _, lines = run(c.ModelCheckpoint(path, verbose=1, **options), losses)
            content["checkpoint"][f"{name}/{series}"] = {"paths": model.saved, "messages": lines}
    write("callbacks", content)


if __name__ == "__main__":
    main()
