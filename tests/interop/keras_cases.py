#!/usr/bin/env python3
"""Models written by Keras and read by Fovea, and the other way round.

    python3 tests/interop/keras_cases.py build/release/bin/fovea_io [part of a case's name]

scripts/interop.sh runs it with the packages that it needs.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import safetensors.numpy  # noqa: E402
from cases import expect_close, main  # noqa: E402
from keras import layers as L  # noqa: E402

RANDOM = np.random.default_rng(5)


def pictures(*shape, high=255):
    return (RANDOM.random(shape) * high).astype(np.float32)


# ---- Keras's models ----


def lenet5():
    return keras.Sequential([
        keras.Input((28, 28, 1), name="x"), L.Rescaling(1 / 255),
        L.Conv2D(6, 5, padding="same", activation="tanh"), L.AveragePooling2D(2),
        L.Conv2D(16, 5, activation="tanh"), L.AveragePooling2D(2), L.Flatten(),
        L.Dense(120, activation="tanh"), L.Dense(84, activation="tanh"),
        L.Dense(10, activation="softmax")])


def cifar10_cnn():
    return keras.Sequential([
        keras.Input((32, 32, 3), name="x"), L.Rescaling(1 / 255),
        L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(64, 3, activation="relu"), L.Flatten(), L.Dense(64, activation="relu"),
        L.Dense(10, activation="softmax")])


def resnet20():
    """With projections in the shortcuts."""
    def block(x, filters):
        strides = 1 if x.shape[-1] == filters else 2
        y = L.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        y = L.ReLU()(L.BatchNormalization()(y))
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same", use_bias=False)(y))
        if strides == 2:
            x = L.BatchNormalization()(L.Conv2D(filters, 1, strides=2, use_bias=False)(x))
        return L.ReLU()(L.Add()([y, x]))

    x = keras.Input((32, 32, 3), name="x")
    y = L.Conv2D(16, 3, padding="same", use_bias=False)(L.Rescaling(1 / 127.5, -1)(x))
    y = L.ReLU()(L.BatchNormalization()(y))
    for filters in 16, 16, 16, 32, 32, 32, 64, 64, 64:
        y = block(y, filters)
    return keras.Model(x, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(y)))


def vgg16():
    model = keras.Sequential([keras.Input((32, 32, 3), name="x"), L.Rescaling(1 / 255)])
    for filters, convolutions in (64, 2), (128, 2), (256, 3), (512, 3), (512, 3):
        for _ in range(convolutions):
            model.add(L.Conv2D(filters, 3, padding="same", activation="relu",
                               kernel_initializer="he_normal"))
        model.add(L.MaxPooling2D(2))
    model.add(L.Flatten())
    for _ in range(2):
        model.add(L.Dense(512, activation="relu"))
        model.add(L.Dropout(0.5))
    model.add(L.Dense(10, activation="softmax"))
    return model


def branches():
    """Every layer that both have, a shared one, a model in a model, two inputs, two outputs."""
    a = keras.Input((12, 10, 3), name="a")
    b = keras.Input((12, 10, 3), name="b")
    normalization = L.Normalization(name="normalization")
    normalization.adapt(pictures(20, 12, 10, 3, high=4))
    shared = L.Conv2D(4, (3, 2), padding="same", activation="gelu",
                      kernel_regularizer="l2", name="shared")
    x = shared(normalization(a))
    y = shared(L.Normalization(name="given", mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])(b))
    y = L.BatchNormalization(scale=False)(y)
    z = L.Multiply()([L.Add()([x, y, x]), L.Activation("sigmoid")(y)])
    z = L.DepthwiseConv2D(3, strides=2, depth_multiplier=2, activation="silu")(z)
    z = L.ZeroPadding2D(((1, 0), (0, 2)))(z)
    z = L.Conv2D(8, 3, groups=4, dilation_rate=2, padding="same", use_bias=False)(z)
    z = L.LeakyReLU(negative_slope=0.1)(L.BatchNormalization(center=False)(z))
    z = L.ELU(alpha=0.7)(L.MaxPooling2D((2, 1), strides=1, padding="same")(z))
    z = L.ActivityRegularization(l2=0.01)(z)
    inner = keras.Sequential([
        keras.Input(z.shape[1:]), L.Conv2D(5, 2, activation=L.LeakyReLU(negative_slope=0.3)),
        L.BatchNormalization(), L.AveragePooling2D(2, padding="same"),
        L.Dropout(0.1)], name="inner")
    z = inner(z)
    p = L.Concatenate()([L.GlobalAveragePooling2D()(z), L.GlobalMaxPooling2D()(z)])
    q = L.Softmax()(L.Dense(7, activation="selu", name="q")(L.Flatten()(z)))
    out = L.Dense(3, activation="softmax", name="out")(p)
    other = L.Dense(2, name="other")(L.Reshape((-1,))(L.ReLU()(q)))
    return keras.Model([a, b], [out, other], name="branches")


def randomize(model):
    """No weight is as it was made, running statistics included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            randomize(layer)
        elif isinstance(layer, L.BatchNormalization):
            layer.set_weights([RANDOM.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def output_names(model):
    """Those of the layers that the outputs come from, which Fovea names them after."""
    return [tensor._keras_history.operation.name for tensor in model.outputs]


def batch_of(model, count=4):
    return {tensor.name: pictures(count, *tensor.shape[1:], high=255 if "x" == tensor.name else 4)
            for tensor in model.inputs}


def predict(model, inputs):
    outputs = model.predict([inputs[tensor.name] for tensor in model.inputs], verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def keras_to_fovea(fovea, model, extension):
    randomize(model)
    model.save(fovea.path("model" + extension))
    inputs = batch_of(model)
    found = fovea.predict(fovea.path("model" + extension), inputs)
    expected = predict(model, inputs)
    for name, output in zip(output_names(model), expected):
        expect_close(found[name], output)
    # And back: what Fovea writes, Keras reads.
    for written in ".keras", ".h5":
        fovea.run("convert", fovea.path("model" + extension), fovea.path("again" + written))
        again = keras.models.load_model(fovea.path("again" + written))
        for a, b in zip(expected, predict(again, inputs)):
            expect_close(b, a, what=f"predictions of the written {written}")


def case(builder, extension):
    def run(fovea):
        keras_to_fovea(fovea, builder(), extension)

    run.__name__ = f"keras_{builder.__name__}_{extension[1:]}"
    return run


def fovea_to_keras(name):
    """A network of the zoo, in each format, against Fovea's own file."""
    def run(fovea):
        fovea.run("zoo", name, fovea.path("own.fovea"))
        for extension in ".keras", ".h5":
            fovea.run("convert", fovea.path("own.fovea"), fovea.path("model" + extension))
            model = keras.models.load_model(fovea.path("model" + extension))
            inputs = batch_of(model)
            inputs = {key: value / 255 * 200 for key, value in inputs.items()}
            expected = fovea.predict(fovea.path("own.fovea"), inputs)
            for found, output in zip(predict(model, inputs), expected.values()):
                expect_close(found, output)

    run.__name__ = f"zoo_{name}"
    return run


# ---- Training goes on ----


OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.05),
    "momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
    "cosine": lambda o: o.SGD(o.schedules.CosineDecay(0.1, 10, alpha=0.1), momentum=0.9),
    "adam": lambda o: o.Adam(0.01, clipnorm=0.5),
    "adamw": lambda o: o.AdamW(0.01),
    "ema": lambda o: o.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "adagrad": lambda o: o.Adagrad(0.05),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "rmsprop_centered": lambda o: o.RMSprop(0.01, momentum=0.5, centered=True),
}


def trained_model(optimizer):
    keras.utils.set_random_seed(1)  # the same weights each time
    model = keras.Sequential([
        keras.Input((8, 8, 2), name="x"), L.Conv2D(3, 3, use_bias=False),
        L.BatchNormalization(), L.Activation("tanh"), L.Flatten(), L.Dense(4, activation="tanh"),
        L.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def weights_of(model):
    return [w.numpy() for w in model.weights]


def training(name, extension):
    def run(fovea):
        model = trained_model(OPTIMIZERS[name](keras.optimizers))
        x, y = pictures(6, 8, 8, 2, high=1), np.array([0, 1, 2, 2, 1, 0], np.int32)
        for _ in range(3):
            model.train_on_batch(x, y)
        before = fovea.path("before" + extension)
        model.save(before)
        output = output_names(model)[0]
        fovea.train(before, {"x": x}, {output: y}, 2, fovea.path("after" + extension))
        written = keras.models.load_model(fovea.path("after" + extension))
        for _ in range(2):
            model.train_on_batch(x, y)
        for a, b in zip(weights_of(model), weights_of(written)):
            expect_close(b, a, what="weights after Fovea's steps")
        # The state that Fovea wrote lets Keras go on as if it had trained all the way. (From an .h5
        # file Keras 3 cannot, not even from its own: it builds the optimizer without variables.)
        if extension == ".h5":
            fovea.run("convert", fovea.path("after.h5"), fovea.path("after.keras"))
            written = keras.models.load_model(fovea.path("after.keras"))
        for _ in range(2):
            model.train_on_batch(x, y)
            written.train_on_batch(x, y)
        assert int(written.optimizer.iterations.numpy()) == 7
        for a, b in zip(weights_of(model), weights_of(written)):
            expect_close(b, a, 2e-5, what="weights after Keras's further steps")

    run.__name__ = f"training_{name}_{extension[1:]}"
    return run


def frozen_layers_stay_frozen(fovea):
    # Adam magnifies the rounding of gradients that are small beside its epsilon.
    adam = keras.optimizers.Adam(epsilon=1e-4)
    model = trained_model(adam)
    model.layers[0].trainable = False
    model.compile(adam, "sparse_categorical_crossentropy")
    x, y = pictures(6, 8, 8, 2, high=1), np.array([0, 1, 2, 2, 1, 0], np.int32)
    model.train_on_batch(x, y)
    model.save(fovea.path("before.keras"))
    fovea.train(fovea.path("before.keras"), {"x": x}, {output_names(model)[0]: y}, 1,
                fovea.path("after.keras"))
    written = keras.models.load_model(fovea.path("after.keras"))
    assert not written.layers[1].trainable or not written.layers[0].trainable
    model.train_on_batch(x, y)
    for a, b in zip(weights_of(model), weights_of(written)):
        expect_close(b, a, what="weights")


# ---- Weights alone ----


def weights_alone(fovea):
    """A Keras model of the zoo's architecture takes the zoo's weights, and gives its own."""
    fovea.run("zoo", "cifar10_cnn", fovea.path("own.fovea"))
    model = cifar10_cnn()
    x = {"x": pictures(4, 32, 32, 3)}
    expected = fovea.predict(fovea.path("own.fovea"), {"input_layer": x["x"]})
    for name in "w.weights.h5", "w.h5":
        fovea.run("weights", fovea.path("own.fovea"), fovea.path(name))
        randomized = cifar10_cnn()
        randomized.load_weights(fovea.path(name))
        expect_close(predict(randomized, x)[0], list(expected.values())[0])
    model.save_weights(fovea.path("keras.weights.h5"))
    fovea.run("load_weights", fovea.path("own.fovea"), fovea.path("keras.weights.h5"),
              fovea.path("loaded.fovea"))
    found = fovea.predict(fovea.path("loaded.fovea"), {"input_layer": x["x"]})
    expect_close(list(found.values())[0], predict(model, x)[0])


def safetensors_weights(fovea):
    """The Python library reads the library's own files."""
    fovea.run("zoo", "lenet5", fovea.path("own.fovea"))
    fovea.run("weights", fovea.path("own.fovea"), fovea.path("w.safetensors"))
    weights = safetensors.numpy.load_file(fovea.path("w.safetensors"))
    assert weights["conv2d.weight"].shape == (6, 5, 5, 1), weights["conv2d.weight"].shape
    assert sum(w.size for w in weights.values()) == 61706
    model = lenet5()
    for keras_layer, path in zip([l for l in model.layers if l.weights],
                                 ["conv2d", "conv2d_1", "dense", "dense_1", "dense_2"]):
        kernel = weights[path + ".weight"]
        if kernel.ndim == 4:
            kernel = kernel.transpose(1, 2, 3, 0)
        keras_layer.set_weights([kernel, weights[path + ".bias"]])
    x = {"x": pictures(4, 28, 28, 1)}
    found = fovea.predict(fovea.path("own.fovea"), {"input_layer": x["x"]})
    expect_close(list(found.values())[0], predict(model, x)[0])


def numpy_arrays(fovea):
    """What load_npy and save_npy do is what NumPy does."""
    arrays = {"f": RANDOM.normal(size=(3, 4)).astype(np.float32),
              "fortran": np.asfortranarray(RANDOM.normal(size=(3, 4, 2))),
              "big": RANDOM.normal(size=(5,)).astype(">f4"),
              "i": np.arange(6, dtype=np.int64).reshape(2, 3), "u": np.arange(7, dtype=np.uint8),
              "scalar": np.array(2.5, np.float32)}
    np.savez_compressed(fovea.path("in.npz"), **arrays)
    fovea.run("npz", fovea.path("in.npz"), fovea.path("out.npz"))
    with np.load(fovea.path("out.npz")) as found:
        assert set(found.files) == set(arrays)
        for name, array in arrays.items():
            assert np.array_equal(found[name], array), name


CASES = (
    [case(builder, extension) for builder in (lenet5, cifar10_cnn, resnet20, vgg16, branches)
     for extension in (".keras", ".h5")] +
    [fovea_to_keras(name) for name in ("lenet5", "cifar10_cnn", "resnet20", "mnist_cnn", "wine")] +
    [training(name, ".keras") for name in OPTIMIZERS] +
    [training(name, ".h5") for name in ("momentum", "adam", "rmsprop")] +
    [frozen_layers_stay_frozen, weights_alone, safetensors_weights, numpy_arrays])

if __name__ == "__main__":
    main(CASES)
