#!/usr/bin/env python3
"""As generate.py: Keras's summaries, first weights and penalties.

    python3 tests/golden/generate_models.py
"""

import keras
import numpy as np

from generate import numbers, write

L = keras.layers


def summary_of(model):
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    return "\n".join(lines).rstrip("\n") + "\n"


def iris():
    return keras.Sequential([L.Input((4,)), L.Dense(12, activation="relu"),
                             L.Dense(8, activation="relu"), L.Dense(3, activation="softmax")],
                            name="sequential")


def cifar10_cnn():
    """Frozen up to its second convolution; one name is wider than its column."""
    model = keras.Sequential([
        L.Input((32, 32, 3)),
        L.Conv2D(32, 3, name="conv2d"), L.MaxPooling2D(2, name="max_pooling2d"),
        L.Conv2D(64, 3, name="conv2d_1"), L.BatchNormalization(name="batch_normalization"),
        L.MaxPooling2D(2, name="max_pooling2d_1"), L.Conv2D(64, 3, name="conv2d_2"),
        L.GlobalAveragePooling2D(name="global_average_pooling2d"), L.Dropout(0.5, name="dropout"),
        L.Dense(64, name="dense"), L.Dense(10, name="dense_1")], name="cifar10_cnn")
    model.layers[0].trainable = model.layers[2].trainable = False
    return model


def branches():
    """Two inputs, a layer that is called twice, several connections in one row, wide shapes."""
    left = keras.Input((128, 128, 3), name="left")
    right = keras.Input((128, 128, 3), name="right")
    shared = L.Conv2D(16, 3, padding="same", name="shared")
    a, b = shared(left), shared(right)
    joined = L.Concatenate(name="join")([a, b, left])
    joined = L.ZeroPadding2D(1, name="around")(joined)
    pooled = L.GlobalMaxPooling2D(name="pool")(joined)
    norm = L.BatchNormalization(name="norm")(pooled)
    both = L.Add(name="add")([norm, pooled])
    return keras.Model([left, right], L.Dense(100000, name="dense")(both), name="branches")


def write_summaries():
    write("summaries", {model.name: summary_of(model)
                        for model in (iris(), cifar10_cnn(), branches())})


def write_initializers():
    """What Keras's initializers give a dense layer of 300 x 500, and a convolution."""
    i = keras.initializers
    cases = {
        "zeros": i.Zeros(), "ones": i.Ones(),
        "random_normal": i.RandomNormal(seed=1), "random_uniform": i.RandomUniform(seed=1),
        "truncated_normal": i.TruncatedNormal(seed=1),
        "glorot_uniform": i.GlorotUniform(seed=1), "glorot_normal": i.GlorotNormal(seed=1),
        "he_uniform": i.HeUniform(seed=1), "he_normal": i.HeNormal(seed=1),
        "lecun_uniform": i.LecunUniform(seed=1), "lecun_normal": i.LecunNormal(seed=1),
        "orthogonal": i.Orthogonal(seed=1),
        "random_normal(1, 0.2)": i.RandomNormal(1, 0.2, seed=1),
        "random_uniform(-1, 3)": i.RandomUniform(-1, 3, seed=1),
        "truncated_normal(2, 0.5)": i.TruncatedNormal(2, 0.5, seed=1),
        "variance_scaling(0.5, out, uniform)":
            i.VarianceScaling(0.5, "fan_out", "uniform", seed=1),
        "variance_scaling(3, average, normal)":
            i.VarianceScaling(3, "fan_avg", "untruncated_normal", seed=1),
        "orthogonal(2)": i.Orthogonal(2, seed=1),
    }
    shapes = {"dense": (300, 500), "conv": (5, 3, 40, 200)}  # Keras's (kh, kw, in, out)

    def moments(values):
        return {"mean": float(values.mean()), "stddev": float(values.std()),
                "least": float(values.min()), "largest": float(values.max())}

    write("initializers", {name: {shape: moments(np.asarray(f(shapes[shape]), np.float64))
                                  for shape in shapes} for name, f in cases.items()})


def write_regularizers():
    """The loss of a layer with penalties on kernel, bias and output, and the step it makes."""
    random = np.random.default_rng(3)
    x, y = random.normal(size=(6, 4)), random.normal(size=(6, 3))
    kernel, bias = random.normal(size=(4, 3)), random.normal(size=3)
    r = keras.regularizers
    layer = L.Dense(3, activation="tanh", kernel_regularizer=r.L1(0.03),
                    bias_regularizer=r.L2(0.2), activity_regularizer=r.L1L2(0.05, 0.07))
    model = keras.Sequential([L.Input((4,)), layer, L.ActivityRegularization(l1=0.01, l2=0.02)])
    layer.set_weights([kernel, bias])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    loss = model.evaluate(x, y, batch_size=6, verbose=0)
    model.train_on_batch(x, y)
    write("regularizers", {"x": numbers(x), "y": numbers(y), "kernel": numbers(kernel),
                           "bias": numbers(bias), "loss": float(loss),
                           "kernel_after": numbers(layer.kernel),
                           "bias_after": numbers(layer.bias)})


if __name__ == "__main__":
    write_summaries()
    write_initializers()
    write_regularizers()
