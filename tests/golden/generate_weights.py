#!/usr/bin/env python3
"""Writes sample_weights.json: Keras's fit() and evaluate() with weights of samples and classes.

    python3 tests/golden/generate_weights.py        (needs: pip install tensorflow-cpu)
"""

import keras
import numpy as np

from generate import numbers, write

SAMPLES, FEATURES, CLASSES, BATCH, EPOCHS = 44, 5, 3, 16, 3


def main():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(SAMPLES, FEATURES)).astype(np.float32)
    labels = rng.integers(0, CLASSES, SAMPLES)
    kernel = rng.normal(size=(FEATURES, CLASSES)).astype(np.float32)
    weights = rng.uniform(0, 2, SAMPLES).astype(np.float32)
    class_weight = {0: 0.25, 2: 3.0}
    validation = {"validation_data": (x[:10], labels[:10], weights[:10])}
    cases = {
        "none": {},
        "sample": {"sample_weight": weights},
        "sample_split": {"sample_weight": weights, "validation_split": 0.25},
        "class": {"class_weight": class_weight},
        "class_split": {"class_weight": class_weight, "validation_split": 0.25},
        "validation": {"sample_weight": weights, **validation},
    }
    content = {}
    for one_hot in [False, True]:
        y = np.eye(CLASSES, dtype=np.float32)[labels] if one_hot else labels
        kind = "" if one_hot else "sparse_"
        for name, options in cases.items():
            if one_hot and "validation_data" in options:
                continue
            model = keras.Sequential([keras.Input((FEATURES,)),
                                      keras.layers.Dense(CLASSES, activation="softmax")])
            model.layers[0].set_weights([kernel, np.zeros(CLASSES)])
            model.compile(keras.optimizers.SGD(0.1), kind + "categorical_crossentropy",
                          metrics=["accuracy"], weighted_metrics=["accuracy", "mse"] if one_hot
                          else ["accuracy"])
            history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0,
                                **options).history
            evaluated = model.evaluate(x, y, batch_size=BATCH, sample_weight=weights, verbose=0,
                                       return_dict=True)
            content[kind + name] = {
                "history": history, "kernel": numbers(model.layers[0].get_weights()[0]),
                "evaluate": {k: float(v) for k, v in evaluated.items()}}
    write("sample_weights", {"x": numbers(x), "labels": labels.tolist(), "kernel": numbers(kernel),
                             "weights": numbers(weights), "runs": content})


if __name__ == "__main__":
    main()
