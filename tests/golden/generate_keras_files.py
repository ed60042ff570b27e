#!/usr/bin/env python3
"""Writes tests/golden/keras/: small models in Keras's files, with what Keras predicts; and
tests/golden/npy/: arrays in NumPy's files.

    python3 tests/golden/generate_keras_files.py        (needs: pip install tensorflow-cpu safetensors)

The files are committed; the tests need no Python. Made with Keras 3.15.1, TensorFlow 2.21.0,
h5py 3.14.0, NumPy 2.4.6 and safetensors 0.8.0.
"""

import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import safetensors.numpy  # noqa: E402
from keras import layers as L  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "keras"
NUMPY = HERE.parent / "npy"
RANDOM = np.random.default_rng(11)


def array(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def randomize(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            randomize(layer)
        elif isinstance(layer, L.BatchNormalization):
            layer.set_weights([RANDOM.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def chain():
    """A Sequential, trained for three steps with Adam, its inputs and what comes of two more."""
    model = keras.Sequential([
        keras.Input((6, 6, 2), name="x"),
        L.Conv2D(3, 3, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.01)),
        L.BatchNormalization(), L.Activation("tanh"), L.MaxPooling2D(2), L.Dropout(0.0),
        L.Flatten(), L.Dense(4, activation="relu"), L.Dense(3, activation="softmax", name="out")])
    model.compile(keras.optimizers.Adam(0.01, clipnorm=2.0),
                  keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    x, y = array(5, 6, 6, 2), np.array([0, 1, 2, 2, 1], np.int32)
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(HERE / "chain.keras")
    model.save(HERE / "chain.h5")
    arrays = {"x": x, "y": y, "out": model.predict(x, verbose=0)}
    for _ in range(2):
        model.train_on_batch(x, y)
    arrays["out_later"] = model.predict(x, verbose=0)
    safetensors.numpy.save_file(arrays, HERE / "chain.safetensors")


def branches():
    """A functional model with every layer that both have, in its bulk."""
    a = keras.Input((7, 6, 2), name="a")
    b = keras.Input((7, 6, 2), name="b")
    normalization = L.Normalization(name="adapted")
    normalization.adapt(2 * array(20, 7, 6, 2) + 1)
    shared = L.Conv2D(4, (3, 2), padding="same", activation="gelu", name="shared")
    x = shared(normalization(a))
    y = shared(L.Normalization(name="given", mean=[1.0, 2.0], variance=[1.0, 4.0])(b))
    y = L.BatchNormalization(scale=False)(y)
    z = L.Multiply()([L.Add()([x, y, x]), L.Activation("sigmoid")(y)])
    z = L.DepthwiseConv2D(3, strides=2, depth_multiplier=2, activation="silu", padding="same")(z)
    z = L.ZeroPadding2D(((1, 0), (0, 2)))(z)
    z = L.Conv2D(4, 2, groups=2, use_bias=False)(z)
    z = L.LeakyReLU(negative_slope=0.1)(L.BatchNormalization(center=False)(z))
    z = L.ELU(alpha=0.7)(L.MaxPooling2D((2, 1), strides=1, padding="same")(z))
    inner = keras.Sequential([
        keras.Input(z.shape[1:]), L.Conv2D(3, 2, activation=L.LeakyReLU(negative_slope=0.3)),
        L.BatchNormalization(), L.AveragePooling2D(2, padding="same")], name="inner")
    z = inner(z)
    p = L.Concatenate()([L.GlobalAveragePooling2D()(z), L.GlobalMaxPooling2D()(z)])
    q = L.Softmax()(L.Dense(5, activation="selu", name="q")(L.Flatten()(z)))
    out = L.Dense(3, activation="softmax", name="out")(p)
    other = L.Dense(2, name="other")(L.ReLU()(q))
    model = randomize(keras.Model([a, b], [out, other], name="branches"))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9),
                  {"out": "categorical_crossentropy", "other": "mean_squared_error"},
                  loss_weights={"out": 1.0, "other": 0.5}, metrics={"out": ["accuracy"]})
    model.save(HERE / "branches.keras")
    model.save(HERE / "branches.h5")
    inputs = {"a": array(3, 7, 6, 2), "b": array(3, 7, 6, 2)}
    first, second = model.predict([inputs["a"], inputs["b"]], verbose=0)
    safetensors.numpy.save_file({**inputs, "out": first, "other": second},
                                HERE / "branches.safetensors")


def numpy_files():
    fixed = np.arange(24, dtype=np.float64).reshape(2, 3, 4) / 8
    np.save(NUMPY / "c_order.npy", fixed.astype("<f4"))
    np.save(NUMPY / "fortran_order.npy", np.asfortranarray(fixed))
    np.save(NUMPY / "big_endian.npy", fixed.astype(">f4"))
    np.savez_compressed(NUMPY / "arrays.npz", ints=np.arange(6, dtype=np.int64).reshape(2, 3),
                        flags=np.array([True, False, True]), scalar=np.float32(2.5))


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    NUMPY.mkdir(exist_ok=True)
    chain()
    branches()
    numpy_files()
    for path in sorted([*HERE.iterdir(), *NUMPY.iterdir()]):
        print(path.name, path.stat().st_size)
