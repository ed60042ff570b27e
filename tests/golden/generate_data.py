#!/usr/bin/env python3
"""Writes what NumPy, scikit-learn and Keras make of seeds and tables, for the tests labelled "golden".

    python3 tests/golden/generate_data.py        (needs: pip install tensorflow-cpu scikit-learn)

The files are committed with the versions that made them: the tests need no Python.
"""

import json
import os
import pathlib
import tempfile
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import sklearn  # noqa: E402
from keras.src.datasets import boston_housing  # noqa: E402
from sklearn import datasets, impute, model_selection, preprocessing  # noqa: E402
from sklearn.utils.random import sample_without_replacement  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def write(name, content):
    """Small lists stay on one line."""
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__,
                "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    lines = [f' "{key}": {json.dumps(value)}'
             for key, value in {"versions": versions, **content}.items()]
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{name}.json")


def write_random():
    """What a RandomState of each seed draws, one kind of numbers after the other."""
    content = {}
    for seed in (0, 42, 113, 4294967295):
        random = np.random.RandomState(seed)
        shuffled = list(range(20))
        content[str(seed)] = {
            "uniform": random.uniform(size=5).tolist(),
            "normal": random.standard_normal(5).tolist(),  # odd: one of a pair is left over
            "normal_again": random.standard_normal(2).tolist(),
            "integers": [int(random.randint(n)) for n in (1, 2, 3, 10, 1000, 2**31, 2**32, 2**40)],
            "shuffle": (random.shuffle(shuffled), shuffled)[1],
            "permutation": random.permutation(17).tolist(),
            "sample_few": sample_without_replacement(2**15, 4, random_state=random).tolist(),
            "sample_some": sample_without_replacement(8, 4, random_state=random).tolist(),
            "sample_all": sample_without_replacement(4, 4, random_state=random).tolist(),
            "sample_most": sample_without_replacement(300, 299, random_state=random).tolist(),
            "uniform_again": random.uniform(size=2).tolist(),
        }
    write("random", content)


def keras_boston_order():
    """Which rows of the file keras.datasets.boston_housing gives, in its order."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.npz")
        np.savez(path, x=np.arange(506), y=np.arange(506))
        with mock.patch.object(boston_housing, "get_file", lambda *a, **k: path):
            (train, _), (test, _) = boston_housing.load_data()
    return {"train": train.tolist(), "test": test.tolist()}


def write_splits():
    labels = np.random.RandomState(3).choice([0, 1, 2, 5], size=47, p=[0.4, 0.3, 0.2, 0.1])
    simple = []
    for count, fraction, seed, shuffle in ((150, 0.2, 42, True), (10, 0.25, 0, True),
                                           (101, 0.3, 7, True), (10, 0.25, 0, False)):
        train, test = model_selection.train_test_split(
            np.arange(count), test_size=fraction, shuffle=shuffle,
            random_state=seed if shuffle else None)
        simple.append({"count": count, "fraction": fraction, "seed": seed, "shuffle": shuffle,
                       "train": train.tolist(), "test": test.tolist()})
    stratified = []
    for fraction, seed in ((0.2, 42), (0.5, 1), (0.1, 2), (0.35, 9)):
        train, test = model_selection.train_test_split(
            np.arange(47), test_size=fraction, random_state=seed, stratify=labels)
        stratified.append({"fraction": fraction, "seed": seed,
                           "train": train.tolist(), "test": test.tolist()})
    train, rest = model_selection.train_test_split(np.arange(1000), test_size=0.3, random_state=42)
    validation, test = model_selection.train_test_split(rest, test_size=0.5, random_state=42)
    folds = []
    for folds_count, shuffle, seed in ((5, False, 0), (4, True, 42)):
        options = {"shuffle": shuffle, "random_state": seed if shuffle else None}
        plain = model_selection.KFold(folds_count, **options).split(labels)
        by_class = model_selection.StratifiedKFold(folds_count, **options).split(labels, labels)
        folds.append({"folds": folds_count, "shuffle": shuffle, "seed": seed,
                      "plain": [test.tolist() for _, test in plain],
                      "stratified": [test.tolist() for _, test in by_class]})
    write("splits", {"labels": labels.tolist(), "simple": simple, "stratified": stratified,
                     "three_way": {"train": train.tolist(), "validation": validation.tolist(),
                                   "test": test.tolist()},
                     "folds": folds, "keras_boston": keras_boston_order()})


def write_preprocessing():
    """What is fitted on one table and applied to another."""
    random = np.random.RandomState(5)
    train = np.round(random.normal(3, 10, size=(9, 4)), 2)
    train[:, 2] = 0.1  # a constant column
    train[:, 3] = np.round(train[:, 3] / 10)
    test = np.round(random.normal(3, 10, size=(3, 4)), 2)
    holes = train.copy()
    holes[[0, 3, 4, 8], [1, 0, 3, 3]] = np.nan
    fitted = {
        "min_max": preprocessing.MinMaxScaler(),
        "min_max_symmetric": preprocessing.MinMaxScaler((-1, 1)),
        "standard": preprocessing.StandardScaler(),
    }
    content = {"train": train.ravel().tolist(), "test": test.ravel().tolist(),
               "holes": holes.ravel().tolist()}  # NaN: Fovea's JSON reads it
    for name, scaler in fitted.items():
        content[name] = scaler.fit(train).transform(test).ravel().tolist()
        content[name + "_of_holes"] = scaler.fit_transform(holes).ravel().tolist()
    for strategy in ("mean", "median", "most_frequent", "constant"):
        imputer = impute.SimpleImputer(strategy=strategy, fill_value=-7.0)
        content["impute_" + strategy] = imputer.fit_transform(holes).ravel().tolist()
    words = random.choice(["red", "white", "rose", "Brut"], size=12)
    grades = random.choice([3, 9, 10, 5], size=12)
    content["words"] = words.tolist()
    content["word_codes"] = preprocessing.LabelEncoder().fit_transform(words).tolist()
    content["grades"] = [str(g) for g in grades]
    content["grade_codes"] = preprocessing.LabelEncoder().fit_transform(grades).tolist()
    one_hot = preprocessing.OneHotEncoder(sparse_output=False)
    content["one_hot_words"] = one_hot.fit_transform(words.reshape(-1, 1)).ravel().tolist()
    content["to_categorical"] = keras.utils.to_categorical([[2, 0], [3, 1]], 5).ravel().tolist()
    write("preprocessing", content)


def write_classification():
    """The made-up tables of two binary classifiers, and every option once."""
    cases = {
        "binary": dict(n_samples=1000, n_features=20, n_classes=2, random_state=42),
        "binary_15_5": dict(n_samples=1000, n_features=20, n_informative=15, n_redundant=5,
                            n_classes=2, random_state=42),
        "three_classes": dict(n_samples=103, n_features=9, n_informative=3, n_redundant=1,
                              n_repeated=3, n_classes=3, n_clusters_per_class=1,
                              weights=[0.6, 0.3], flip_y=0.2, class_sep=2.5, random_state=7),
        "not_shuffled": dict(n_samples=50, n_features=6, hypercube=False, shift=None, scale=None,
                             flip_y=0.0, shuffle=False, random_state=1),
        "many_dimensions": dict(n_samples=40, n_features=33, n_informative=33, n_redundant=0,
                                weights=[0.25, 0.75], shift=0.5, scale=3.0, random_state=3),
    }
    content = {}
    for name, options in cases.items():
        x, y = datasets.make_classification(**options)
        content[name] = {"labels": y.tolist(), "first_rows": x[:4].ravel().tolist(),
                         "last_row": x[-1].tolist(), "column_sums": x.sum(axis=0).tolist()}
    write("classification", content)


def write_images():
    """Files that TensorFlow wrote, its pixels of them, and pictures in other sizes."""
    y, x, c = np.mgrid[0:11, 0:13, 0:4]
    smooth = (128 + 90 * np.sin(y / 3.0 + c) * np.cos(x / 4.0 - c)).astype(np.uint8)
    noise = np.random.RandomState(11).randint(0, 256, size=(11, 13, 4)).astype(np.uint8)
    files = {
        "grey_png": tf.io.encode_png(noise[:, :, :1]),
        "rgb_png": tf.io.encode_png(noise[:, :, :3]),
        "rgba_png": tf.io.encode_png(noise),
        "rgb_png_16": tf.io.encode_png(noise[:, :, :3].astype(np.uint16) * 257),
        "grey_jpeg": tf.io.encode_jpeg(smooth[:, :, :1], quality=90),
        "rgb_jpeg": tf.io.encode_jpeg(smooth[:, :, :3], quality=90),
        "progressive_jpeg": tf.io.encode_jpeg(smooth[:, :, :3], quality=90, progressive=True),
    }
    content = {"files": {}, "resized": []}
    for name, data in files.items():
        if "jpeg" in name:
            rgb = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
        else:
            rgb = tf.io.decode_png(data, channels=0)[:, :, :3]  # drops transparency
            rgb = tf.repeat(rgb, 3, axis=2) if rgb.shape[2] == 1 else rgb
        content["files"][name] = {"bytes": list(data.numpy()), "rgb": rgb.numpy().ravel().tolist()}
    picture = noise[:, :, :3].astype(np.float32)
    content["picture"] = picture.ravel().tolist()
    for method, antialias in (("nearest", False), ("bilinear", False), ("bilinear", True)):
        for size in ((5, 4), (11, 13), (20, 17), (1, 1), (7, 26)):
            resized = tf.image.resize(picture, size, method=method, antialias=antialias)
            content["resized"].append({"method": method, "antialias": antialias, "size": size,
                                       "pixels": [round(float(v), 4)
                                                  for v in resized.numpy().ravel()]})
    write("images", content)


if __name__ == "__main__":
    write_random()
    write_splits()
    write_preprocessing()
    write_classification()
    write_images()
