#!/usr/bin/env python3
"""Layers and trainings of whole networks in Keras: layers.json and trainings.json.

    python3 tests/golden/generate_networks.py        (needs: pip install tensorflow-cpu)
"""

from generate import keras, np, numbers, tf, write
from hashed import uniform, words

L = keras.layers
STEPS = 50


# ---- Weights, the same as in networks.h ----

def set_weights(model):
    """Kernels uniform within Glorot's limit, in Keras's order of axes; biases 0; of batch norm
    gamma and the variance .5 to 1.5, beta and the mean -.5 to .5."""
    for layer in model.layers:
        for variable in layer.weights:
            name, shape = f"{layer.name}.{variable.name}", variable.shape
            if variable.name == "kernel":
                field = np.prod(shape[:-2], dtype=int)
                limit = np.sqrt(6 / (field * (shape[-2] + shape[-1])))
                variable.assign(uniform(name, shape, -limit, limit))
            elif variable.name in ("gamma", "moving_variance"):
                variable.assign(uniform(name, shape, 0.5, 1.5))
            elif variable.name in ("beta", "moving_mean"):
                variable.assign(uniform(name, shape, -0.5, 0.5))


# ---- Layers: forward values and gradients ----

def merged(merge, *arguments):
    """Two convolutions of one input, merged."""
    def build(x):
        a = L.Conv2D(3, 1, name="a")(x)
        b = L.Conv2D(3, 1, name="b")(x)
        return merge(*arguments)([a, b])
    return build


def maxout(x):
    pieces = L.Dense(12, name="layer")(x)
    return L.GlobalMaxPooling1D()(L.Reshape((3, 4))(pieces))


PICTURE, ROW = (7, 6, 4), (9,)


def layers():
    """Name -> shape of a sample, layer."""
    cases = {
        "conv2d": (PICTURE, L.Conv2D(5, 3, name="layer")),
        "conv2d_same": (PICTURE, L.Conv2D(5, 3, padding="same", activation="relu", name="layer")),
        "conv2d_strides": (PICTURE, L.Conv2D(5, 3, strides=2, padding="same", name="layer")),
        "conv2d_strides_even": (PICTURE, L.Conv2D(5, 2, strides=2, padding="same", name="layer")),
        "conv2d_oblong": (PICTURE, L.Conv2D(5, (3, 2), strides=(1, 2), name="layer")),
        "conv2d_dilation": (PICTURE, L.Conv2D(5, 3, dilation_rate=2, padding="same", name="layer")),
        "conv2d_groups": (PICTURE, L.Conv2D(6, 3, groups=2, name="layer")),
        "dense": (ROW, L.Dense(5, name="layer")),
        "dense_softmax": (ROW, L.Dense(5, activation="softmax", name="layer")),
        "maxout": (ROW, maxout),
        "batch_norm": (PICTURE, L.BatchNormalization(name="layer")),
        "max_pool": (PICTURE, L.MaxPooling2D(2)),
        "max_pool_same": (PICTURE, L.MaxPooling2D(3, strides=2, padding="same")),
        "avg_pool": (PICTURE, L.AveragePooling2D(2)),
        "avg_pool_same": (PICTURE, L.AveragePooling2D(3, strides=2, padding="same")),
        "global_avg_pool": (PICTURE, L.GlobalAveragePooling2D()),
        "global_max_pool": (PICTURE, L.GlobalMaxPooling2D()),
        "flatten": (PICTURE, L.Flatten()),
        "reshape": (PICTURE, L.Reshape((6, 28))),
        "zero_padding": (PICTURE, L.ZeroPadding2D(((1, 0), (2, 1)))),
        "concatenate": (PICTURE, merged(L.Concatenate)),
        "concatenate_rows": (PICTURE, merged(lambda: L.Concatenate(axis=1))),
        "add": (PICTURE, merged(L.Add)),
        "multiply": (PICTURE, merged(L.Multiply)),
        "leaky_relu": (ROW, L.LeakyReLU()),
        "leaky_relu_0.1": (ROW, L.LeakyReLU(0.1)),
        "rescaling": (ROW, L.Rescaling(0.5, 0.25)),
        "normalization": (ROW, L.Normalization(mean=0.5, variance=4.0)),
        "dropout": (ROW, L.Dropout(0.5)),
    }
    for name in ("relu", "elu", "selu", "softplus", "sigmoid", "tanh", "gelu", "silu",
                 "hard_silu", "softmax", "linear"):
        cases[name] = (ROW, L.Activation(name))
    return cases


def write_layers():
    """The mean squared error's gradients, of two samples, outside of training."""
    results = {}
    for name, (shape, layer) in layers().items():
        inputs = keras.Input(shape)
        model = keras.Model(inputs, layer(inputs))
        set_weights(model)
        x = tf.Variable(uniform(name + ":x", (2, *shape), -2, 2))
        target = uniform(name + ":y", (2, *model.output.shape[1:]), -1, 1)
        with tf.GradientTape() as tape:
            y = model(x, training=False)
            loss = tf.reduce_mean((y - target) ** 2)
        weights = model.trainable_weights
        gradients = tape.gradient(loss, [x] + [w.value for w in weights])
        owners = [layer.name for layer in model.layers for _ in layer.trainable_weights]
        results[name] = {
            "output": numbers(y), "input_gradient": numbers(gradients[0]),
            "weight_gradients": {f"{owner}.{w.name}": numbers(g)
                                 for owner, w, g in zip(owners, weights, gradients[1:])}}
    write("layers", results)


# ---- Fifty steps of whole networks ----
# The classifiers lack their last activation and have losses from logits instead: from
# probabilities, Keras cuts those below 1e-7 off, and their gradients. Rates and decays are powers
# of two and sums of few of them: Keras rounds decays to f32, Fovea rates. Two rates are small, so
# that the rounding of f32 does not grow from step to step.

def iris():
    return [L.Dense(12, activation="relu", name="d1"), L.Dense(8, activation="relu", name="d2"),
            L.Dense(3, name="d3")]


def boston():
    return [L.Dense(128, activation="relu", name="d1"), L.Dense(64, activation="relu", name="d2"),
            L.Dense(32, activation="relu", name="d3"), L.Dense(16, activation="relu", name="d4"),
            L.Dense(1, name="d5")]


def binary():
    return [L.Dense(16, activation="relu", name="d1"), L.Dense(8, activation="relu", name="d2"),
            L.Dense(1, name="d3")]


def mlp():
    return [L.Flatten(), L.Dense(512, activation="relu", name="d1"),
            L.Dense(10, name="d2")]


def cifar10_cnn():
    return [L.Conv2D(32, 3, activation="relu", name="c1"), L.MaxPooling2D(),
            L.Conv2D(64, 3, activation="relu", name="c2"), L.MaxPooling2D(),
            L.Conv2D(64, 3, activation="relu", name="c3"), L.Flatten(),
            L.Dense(64, activation="relu", name="d1"), L.Dense(10, name="d2")]


def lenet():
    return [L.Conv2D(6, 5, padding="same", activation="tanh", name="c1"), L.AveragePooling2D(2),
            L.Conv2D(16, 5, activation="tanh", name="c2"), L.AveragePooling2D(2), L.Flatten(),
            L.Dense(120, activation="tanh", name="d1"), L.Dense(84, activation="tanh", name="d2"),
            L.Dense(10, name="d3")]


def batch_norm_cnn():
    return [L.Conv2D(16, 3, padding="same", use_bias=False, name="c1"),
            L.BatchNormalization(name="n1"), L.Activation("relu"),
            L.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="c2"),
            L.BatchNormalization(name="n2"), L.Activation("relu"), L.GlobalAveragePooling2D(),
            L.Dense(10, name="d1")]


O = keras.optimizers
RATE = 2.0**-10


def losses():
    """Made when they are needed: they compute in the type that is then the default."""
    return {"categorical": keras.losses.CategoricalCrossentropy(from_logits=True),
            "sparse": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "binary": keras.losses.BinaryCrossentropy(from_logits=True),
            "mse": keras.losses.MeanSquaredError()}


TRAININGS = {  # shape of a sample, layers, loss, classes, batch, optimizer
    "iris": ((4,), iris, "categorical", 3, 5, lambda: O.Adam(RATE, 0.875, 1 - RATE)),
    "boston": ((13,), boston, "mse", 1, 32, lambda: O.RMSprop(RATE / 8, rho=0.875)),
    "binary": ((20,), binary, "binary", 2, 32, lambda: O.Adam(RATE, 0.875, 1 - RATE)),
    "mlp": ((28, 28), mlp, "sparse", 10, 32, lambda: O.Adam(RATE, 0.875, 1 - RATE)),
    "cifar10_cnn": ((32, 32, 3), cifar10_cnn, "sparse", 10, 8,
                    lambda: O.Adam(RATE / 8, 0.875, 1 - RATE)),
    "lenet": ((28, 28, 1), lenet, "sparse", 10, 16,
              lambda: O.SGD(16 * RATE, momentum=0.9)),
    "batch_norm_cnn": ((16, 16, 3), batch_norm_cnn, "sparse", 10, 32,
                       lambda: O.SGD(16 * RATE, momentum=0.9, nesterov=True)),
}


def batch_of(name, step, batch, shape, classes):
    """Each class has a pattern; samples are half pattern, half noise."""
    labels = words(f"{name}:labels{step}", batch) % max(classes, 2)
    patterns = np.stack([uniform(f"{name}:pattern{c}", shape) for c in range(max(classes, 2))])
    noise = uniform(f"{name}:noise{step}", (batch, *shape))
    return (0.5 * patterns[labels] + 0.5 * noise).astype(np.float32), labels


def write_trainings():
    """In f64, so that nobody's rounding is part of the losses."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    results = {}
    for name, (shape, make, loss, classes, batch, optimizer) in TRAININGS.items():
        model = keras.Sequential([keras.Input(shape), *make()])
        set_weights(model)
        optimize, function = optimizer(), losses()[loss]
        values = []
        for step in range(STEPS):
            x, labels = batch_of(name, step, batch, shape, classes)
            y = labels.astype(np.float64)[:, None]
            if loss == "categorical":
                y = np.eye(classes)[labels]
            if loss == "sparse":
                y = labels.astype(np.int32)
            with tf.GradientTape() as tape:
                value = function(y, model(x.astype(np.float64), training=True))
            weights = model.trainable_weights
            optimize.apply(tape.gradient(value, [w.value for w in weights]), weights)
            values.append(float(f"{float(value):.10g}"))
        results[name] = values
        print(name, values[0], values[-1])
    write("trainings", results)


if __name__ == "__main__":
    write_layers()
    write_trainings()
