#!/usr/bin/env python3
"""Writes metrics.json: what Keras's metrics and scikit-learn's scores give.

    python3 tests/golden/generate_metrics.py  (needs: pip install tensorflow-cpu scikit-learn)
"""

import math
import warnings

import keras
import numpy as np
import sklearn
import sklearn.metrics as sk

from generate import numbers, write

BATCH = 16


def epoch_of(metric, targets, outputs, weights):
    """A metric over an epoch of batches."""
    for first in range(0, len(targets), BATCH):
        rows = slice(first, first + BATCH)
        weight = None if weights is None else weights[rows]
        metric.update_state(targets[rows], outputs[rows], sample_weight=weight)
    return float(metric.result())


def keras_metrics(rng):
    m = keras.metrics
    labels = rng.integers(0, 7, 50)
    scores = rng.normal(size=(50, 7))
    scores[np.arange(50), labels] += 1
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    one_hot = np.eye(7)[labels]
    answers = rng.integers(0, 2, (50, 1)).astype(float)
    certainty = np.clip(0.5 + 0.3 * (answers - 0.5) + rng.normal(size=(50, 1)) / 4, 0, 1)
    certainty[:6, 0] = [0, 1, 0.5, 1 / 199, 100 / 199, 0.25]  # on thresholds
    weights = rng.uniform(0, 2, 50)
    problems = {
        "sparse": (labels, probabilities, "sparse_categorical_crossentropy", {
            "accuracy": m.SparseCategoricalAccuracy,
            "sparse_categorical_accuracy": m.SparseCategoricalAccuracy,
            "sparse_top_k_categorical_accuracy": m.SparseTopKCategoricalAccuracy,
            "top_2_accuracy": lambda: m.SparseTopKCategoricalAccuracy(k=2),
        }),
        "one_hot": (one_hot, probabilities, "categorical_crossentropy", {
            "accuracy": m.CategoricalAccuracy,
            "categorical_accuracy": m.CategoricalAccuracy,
            "binary_accuracy": m.BinaryAccuracy,
            "top_k_categorical_accuracy": m.TopKCategoricalAccuracy,
            "top_3_accuracy": lambda: m.TopKCategoricalAccuracy(k=3),
            "mse": m.MeanSquaredError,
            "mae": m.MeanAbsoluteError,
            "rmse": m.RootMeanSquaredError,
            "precision": m.Precision,
            "recall": m.Recall,
        }),
        "binary": (answers, certainty, "binary_crossentropy", {
            "accuracy": m.BinaryAccuracy,
            "precision": m.Precision,
            "recall": m.Recall,
            "f1": lambda: F1(),
            "auc": m.AUC,
            "mse": m.MeanSquaredError,
        }),
    }
    result = {}
    for name, (targets, outputs, loss, metrics) in problems.items():
        outputs = outputs.astype(np.float32)
        result[name] = {
            "loss": loss, "targets": numbers(targets), "outputs": numbers(outputs),
            "weights": numbers(weights),
            "plain": {k: epoch_of(make(), targets, outputs, None) for k, make in metrics.items()},
            "weighted": {k: epoch_of(make(), targets, outputs, weights)
                         for k, make in metrics.items()}}
    return result


class F1(keras.metrics.F1Score):
    """Of one answer: the number, not an array of one."""

    def __init__(self):
        super().__init__(threshold=0.5)

    def result(self):
        return super().result()[0]


def reports():
    rng = np.random.default_rng(5)
    true = rng.integers(0, 10, 300)
    pred = np.where(rng.uniform(size=300) < 0.7, true, rng.integers(0, 10, 300))
    two = rng.integers(0, 2, 30)
    arrays = {
        "ten": (true, pred),
        "two": (two, np.where(rng.uniform(size=30) < 0.8, two, 1 - two)),
        "never_predicted": ([0, 1, 2, 2, 1, 0], [0, 1, 1, 1, 1, 0]),
        "never_true": ([0, 1, 1, 0, 0], [0, 2, 1, 3, 0]),
        "all_wrong": ([0, 0, 1], [1, 1, 0]),
        "one_label": ([3, 3, 3], [3, 3, 3]),
        "negative": ([-1, 1, -1, 1], [-1, -1, -1, 1]),
    }
    names = [f"class number {i}" for i in range(10)]
    cases = [
        ("ten", {}), ("ten", {"digits": 4}), ("ten", {"target_names": names}),
        ("ten", {"labels": [7, 1, 3]}), ("ten", {"labels": [1, 20], "zero_division": 1.0}),
        ("ten", {"digits": 15}), ("ten", {"digits": 0}),
        ("two", {"target_names": ["Katze", "größte Ente"]}), ("two", {"digits": 3}),
        ("never_predicted", {}), ("never_predicted", {"zero_division": 1.0}),
        ("never_predicted", {"zero_division": math.nan}),
        ("never_true", {}), ("never_true", {"zero_division": 1.0}),
        ("never_true", {"zero_division": math.nan}), ("never_true", {"labels": [0, 1]}),
        ("never_true", {"labels": [5, 2], "zero_division": math.nan}),
        ("all_wrong", {}), ("one_label", {}), ("negative", {}),
        ("ten", {"labels": list(range(12)), "target_names": names + ["eleven", "twelve"]}),
    ]
    averages = []
    for name, (t, p) in arrays.items():
        for average in ["micro", "macro", "weighted"]:
            for zero in [0.0, 1.0, math.nan]:
                scores = sk.precision_recall_fscore_support(t, p, average=average,
                                                            zero_division=zero)[:3]
                averages.append({"arrays": name, "average": average, "zero_division": zero,
                                 "scores": [float(s) for s in scores]})
    return {
        "arrays": {k: {"true": list(map(int, t)), "predicted": list(map(int, p)),
                       "accuracy": sk.accuracy_score(t, p),
                       "confusion": sk.confusion_matrix(t, p).ravel().tolist()}
                   for k, (t, p) in arrays.items()},
        "reports": [{"arrays": name, **options,
                     "text": sk.classification_report(*arrays[name], **options)}
                    for name, options in cases],
        "averages": averages,
    }


def curves():
    rng = np.random.default_rng(6)
    true = rng.integers(0, 2, 80)
    ties = np.round(rng.uniform(size=80), 1)
    classes = rng.integers(0, 6, 60)
    scores = np.round(rng.uniform(size=(60, 6)), 1)
    return {
        "roc_auc": [{"true": true.tolist(), "scores": s.tolist(),
                     "auc": float(sk.roc_auc_score(true, s))}
                    for s in [ties, rng.normal(size=80), true - 0.5, 0 * ties]],
        "top_k": {"true": classes.tolist(), "scores": scores.ravel().tolist(),
                  "accuracy": [float(sk.top_k_accuracy_score(classes, scores, k=k,
                                                             labels=range(6)))
                               for k in range(1, 6)]},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write("metrics", {"sklearn": sklearn.__version__,
                      "keras": keras_metrics(np.random.default_rng(4)), **reports(), **curves()})
