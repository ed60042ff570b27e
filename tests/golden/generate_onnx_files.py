"""Writes tests/golden/onnx: small models as other programs export them, with predictions.

    python generate_onnx_files.py torch     # PyTorch 2.15, onnx 1.22, onnxscript
    python generate_onnx_files.py keras     # Keras 3.15, TensorFlow 2.21, tf2onnx 1.17

Each <name>.onnx has a <name>.safetensors with its inputs and outputs under their own names.
"""

import os
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "onnx"


def store(name, arrays):
    """A safetensors file, by hand: PyTorch's environment has no package for it."""
    import json
    import struct

    header, data = {}, b""
    for key, array in arrays.items():
        array = np.ascontiguousarray(array, dtype=np.float32)
        end = len(data) + array.nbytes
        header[key] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


# ---- PyTorch ----


def torch_models():
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    def depthwise(inputs, outputs, stride):
        return nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU6(),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Hardswish(),
        )

    class Inception(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, 2, padding=1)
            self.one = nn.Conv2d(4, 3, 1)
            self.three = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 3, padding=1))
            self.row = nn.Conv2d(4, 2, (1, 5), padding=(0, 2))
            self.pool = nn.AvgPool2d(3, 1, padding=1)
            self.join = nn.Conv2d(13, 4, 1)
            self.classify = nn.Linear(4 * 7 * 8, 5)

        def forward(self, x):
            x = torch.relu(self.stem(x))
            x = torch.cat([self.one(x), self.three(x), self.row(x), self.pool(x)], 1)
            return self.classify(torch.relu(self.join(x)).view(x.size(0), -1))

    class Heads(nn.Module):
        """Two outputs; dilation, groups, ceil_mode, channels shuffled by a transpose."""

        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(2, 6, 3, dilation=2, padding=(2, 1))
            self.b = nn.Conv2d(6, 4, 3, groups=2, stride=2)
            self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
            self.mean = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
            self.left = nn.Linear(4 * 3 * 2, 3)

        def forward(self, x):
            x = torch.tanh(self.b(self.a(x)))
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            y = self.pool(x)
            return torch.softmax(self.left(y.flatten(1)), 1), self.mean(x)

    class Activations(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            f = nn.functional
            x = self.conv(x)
            parts = [f.elu(x), f.selu(x), f.leaky_relu(x, 0.1), f.softplus(x), f.silu(x)]
            parts += [f.gelu(x), f.hardsigmoid(x), torch.sigmoid(x), torch.clamp(x, -0.2, 0.3)]
            total = parts[0]
            for part in parts[1:]:
                total = total * 0.5 + part
            return (1 - total).mean((2, 3))

    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 2, 8), nn.ReLU(), nn.Linear(8, 5), nn.Softmax(1),
    )  # fmt: skip
    resnet = nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        Residual(4, 4, 1), Residual(4, 6, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
    )  # fmt: skip
    mobilenet = nn.Sequential(
        depthwise(3, 4, 1), depthwise(4, 6, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(6, 5),
    )  # fmt: skip
    vgg = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 4 * 3, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5),
    )  # fmt: skip
    mlp = nn.Sequential(
        nn.Linear(6, 10), nn.BatchNorm1d(10), nn.GELU(), nn.Linear(10, 7), nn.Tanh(),
        nn.Linear(7, 3), nn.Softmax(1),
    )  # fmt: skip
    # name: module, a sample's shape, operator set, by torch.export instead of by tracing
    return {
        "torch_plain": (plain, (3, 15, 11), 13, False),
        "torch_plain_18": (plain, (3, 15, 11), 18, True),
        "torch_resnet": (resnet, (3, 8, 8), 17, False),
        "torch_mobilenet": (mobilenet, (3, 9, 8), 18, True),
        "torch_vgg": (vgg, (3, 16, 12), 11, False),
        "torch_inception": (Inception(), (3, 13, 16), 17, False),
        "torch_heads": (Heads(), (2, 15, 14), 14, False),
        "torch_mlp": (mlp, (6,), 18, True),
        "torch_activations": (Activations(), (1, 6, 5), 17, False),
    }


def write_torch():
    import torch

    for name, (module, shape, opset, exported) in torch_models().items():
        torch.manual_seed(len(name))
        for key, value in module.state_dict().items():
            if "running_var" in key:
                value.uniform_(0.5, 2)
            elif value.dtype == torch.float32:
                value.normal_(0, 0.4)
        module.eval()
        x = torch.randn(3, *shape)
        path = FOLDER / f"{name}.onnx"
        if exported:
            program = torch.onnx.export(
                module, (x,), input_names=["x"], opset_version=opset, dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False,
            )  # fmt: skip
            program.save(str(path), external_data=False)
            strip(path)
        else:
            torch.onnx.export(
                module, (x,), str(path), input_names=["x"], opset_version=opset, dynamo=False,
                dynamic_axes={"x": {0: "batch"}},
                # Else batch norms are folded into the convolutions before them.
                training=torch.onnx.TrainingMode.PRESERVE,
            )  # fmt: skip
        with torch.no_grad():
            outputs = module(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        store_arrays(name, path, {"x": x.numpy()}, [y.numpy() for y in outputs])


def strip(path):
    """Drops what describes the Python source: many times the model's own size."""
    import onnx

    model = onnx.load(path)
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in list(model.graph.input) + list(model.graph.output):
        del value.metadata_props[:]
    onnx.save(model, path)


def store_arrays(name, path, inputs, outputs):
    import onnx

    graph = onnx.load(path).graph
    assert len(graph.output) == len(outputs)
    arrays = dict(inputs)
    arrays.update({info.name: array for info, array in zip(graph.output, outputs)})
    store(name, arrays)


# ---- Keras ----


def keras_models():
    from keras import Input, Model, Sequential, layers

    sequential = Sequential(
        [
            Input((10, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="elu"),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    x = Input((9, 8, 2), name="picture")
    y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    left = layers.AveragePooling2D(3, strides=2, padding="same")(y)
    right = layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh")(y)
    y = layers.Concatenate()([layers.Add()([left, right]), layers.Multiply()([left, right])])
    functional = Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(y)))
    norms = Sequential(
        [
            Input((8, 8, 3)),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("relu6"),
            layers.ZeroPadding2D((1, 0)),
            layers.BatchNormalization(),
            layers.SeparableConv2D(5, 3),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.GlobalMaxPooling2D(),
            layers.BatchNormalization(),
            layers.Dense(4, activation="sigmoid"),
        ]
    )
    return {
        "keras_sequential": (sequential, 13, 255),
        "keras_functional": (functional, 15, 1),
        "keras_norms": (norms, 17, 1),
    }


def write_keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    import tf2onnx

    for name, (model, opset, scale) in keras_models().items():
        random = np.random.default_rng(len(name))
        for weight in model.weights:
            positive = "variance" in weight.path
            draw = random.uniform(0.5, 2, weight.shape) if positive else random.normal(
                0, 0.4, weight.shape)
            weight.assign(draw.astype(np.float32))
        shape = model.inputs[0].shape
        x = (random.random((3, *shape[1:])) * scale).astype(np.float32)
        path = FOLDER / f"{name}.onnx"
        spec = (tf.TensorSpec((None, *shape[1:]), tf.float32, name="x"),)
        function = tf.function(lambda x: model(x, training=False), input_signature=spec)
        tf2onnx.convert.from_function(
            function, input_signature=spec, opset=opset, output_path=str(path))
        store_arrays(name, path, {"x": x}, [np.asarray(model(x, training=False))])
    print(keras.__version__, tf.__version__, tf2onnx.__version__)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    {"torch": write_torch, "keras": write_keras}[sys.argv[1]]()
