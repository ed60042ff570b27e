#!/usr/bin/env python3
"""Event files of the callback TensorBoard, read by the package tensorboard.

    python3 tests/interop/tensorboard_cases.py build/release/bin/fovea_io [part of a case's name]

It runs the program fovea_events that lies beside fovea_io. scripts/interop.sh has the packages.
"""

import json
import os
import pathlib
import struct
import subprocess
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from cases import main  # noqa: E402
from tensorboard import context  # noqa: E402
from tensorboard.backend.event_processing import (  # noqa: E402
    data_provider, event_accumulator, event_file_loader, plugin_event_multiplexer)
from tensorboard.plugins.hparams import plugin_data_pb2  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402

BATCHES = 8  # of an epoch


def training(fovea, kind):
    """The folder of a training's logs, and what ought to be in them."""
    program = pathlib.Path(fovea.program).with_name("fovea_events")
    done = subprocess.run([program, kind, fovea.folder], capture_output=True, text=True)
    assert done.returncode == 0, f"fovea_events failed: {done.stderr.strip()}"
    return fovea.folder / "logs", json.loads((fovea.folder / "expected.json").read_text())


def events(folder):
    """TensorBoard's view of a run, with nothing left out."""
    everything = dict.fromkeys(("scalars", "images", "histograms", "compressedHistograms",
                                "tensors"), 0)
    accumulator = event_accumulator.EventAccumulator(str(folder), everything)
    return accumulator.Reload()


def expect_series(run, tag, expected):
    """Steps and values, which event files hold in 32 bits; each step once, in order."""
    found = [(event.step, event.value) for event in run.Scalars(tag)]
    expected = [(step, float(np.float32(value))) for step, value in expected]
    assert found == expected, f"{tag}: {found}, not {expected}"


def expect_scalars(logs, expected):
    train, validation = events(logs / "train"), events(logs / "validation")
    history, batches = expected["history"], expected["batches"]
    rates = [(epoch, 0.01) for epoch in range(len(history))]
    expect_series(train, "epoch_learning_rate", rates)
    for name in ("loss", "accuracy"):
        expect_series(train, f"epoch_{name}", [(e, row[name]) for e, row in enumerate(history)])
        expect_series(validation, f"epoch_{name}",
                      [(e, row[f"val_{name}"]) for e, row in enumerate(history)])
        expect_series(validation, f"evaluation_{name}_vs_iterations",
                      [(BATCHES * (e + 1), row[f"val_{name}"]) for e, row in enumerate(history)])
        expect_series(train, f"batch_{name}",
                      [(1 + b, row[name]) for b, row in enumerate(batches)])
    known = {"epoch_learning_rate", "epoch_steps_per_second"}
    known |= {f"{kind}_{name}" for kind in ("epoch", "batch") for name in ("loss", "accuracy")}
    assert set(train.Tags()["scalars"]) == known, train.Tags()["scalars"]
    assert len(history) == 4 and len(batches) == 4 * BATCHES


def scalars_are_the_history(fovea):
    logs, expected = training(fovea, "whole")
    expect_scalars(logs, expected)
    rates = [event.value for event in events(logs / "train").Scalars("epoch_steps_per_second")]
    assert len(rates) == 4 and min(rates) > 0, rates


def resumed_run_shows_each_step_once(fovea):
    logs, expected = training(fovea, "resumed")
    expect_scalars(logs, expected)
    assert len(list((logs / "train").iterdir())) == 1, "it goes on with the same file"
    tags = events(logs / "train").Tags()
    run = events(logs / "train")
    for tag in tags["histograms"]:
        assert [event.step for event in run.Histograms(tag)] == [0, 1, 2, 3], tag
    for tag in tags["images"]:
        assert [event.step for event in run.Images(tag)] == [0, 1, 2, 3], tag
    starts = [event for event in raw_events(logs) if event.summary.value]
    assert [event.summary.value[0].tag for event in starts] == [
        "_hparams_/session_start_info", "_hparams_/session_end_info"]


def histograms_hold_all_weights_and_gradients(fovea):
    logs, expected = training(fovea, "whole")
    run = events(logs / "train")
    wanted = {f"{path}/histogram" for path in expected["weights"]}
    wanted |= {f"{path}/gradient/histogram" for path in expected["sizes"]}
    assert set(run.Tags()["histograms"]) == wanted, run.Tags()["histograms"]
    for path, numbers in expected["weights"].items():
        last = run.Histograms(f"{path}/histogram")[-1].histogram_value
        numbers = np.array(numbers)
        assert sum(last.bucket) == last.num == len(numbers), path
        assert (last.min, last.max) == (numbers.min(), numbers.max()), path
        assert np.isclose(last.sum, numbers.sum(), atol=1e-9), path
        assert np.isclose(last.sum_squares, (numbers ** 2).sum()), path
        edges = np.array(last.bucket_limit)
        below = [(numbers < edge).sum() for edge in edges[:-1]]
        slack = 1e-6 * np.abs(numbers).max()  # a number on an edge
        for edge, found, exact in zip(edges, np.cumsum(last.bucket), below):
            near = (np.abs(numbers - edge) < slack).sum()
            assert abs(found - exact) <= near, f"{path}: {found} below {edge}, not {exact}"
    for path, size in expected["sizes"].items():
        value = run.Histograms(f"{path}/gradient/histogram")[-1].histogram_value
        assert sum(value.bucket) == size and value.sum_squares > 0, path


def decode_png(data):
    """Pixels (H, W, C) of a PNG of 8 bits."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and kind in (0, 2)
    packed, at = b"", 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if name == b"IDAT" else b""
        at += 12 + size
    channels = 1 if kind == 0 else 3
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    rows = np.zeros((height, width * channels), np.uint8)
    for y in range(height):
        rows[y] = unfilter(raw[y, 0], raw[y, 1:], rows[y - 1] if y else 0 * rows[y], channels)
    return rows.reshape(height, width, channels)


def unfilter(kind, line, above, channels):
    """One row of a PNG, by its filter."""
    row = np.zeros(len(line) + channels, np.int64)  # with zeros on its left
    for i, value in enumerate(line.astype(np.int64)):
        left, up = row[i], int(above[i])
        corner = int(above[i - channels]) if i >= channels else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda v: abs(guess - v))
        row[i + channels] = (value + (0, left, up, (left + up) // 2, nearest)[kind]) % 256
    return row[channels:]


def pictures_decode(fovea):
    logs, _ = training(fovea, "whole")
    run = events(logs / "train")
    tags = set(run.Tags()["images"])
    assert {"filters/stem.conv", "maps/stem.conv", "maps/max_pooling2d", "mistakes"} <= tags, tags
    for tag in tags:
        for event in run.Images(tag):
            pixels = decode_png(event.encoded_image_string)
            assert pixels.shape[:2] == (event.height, event.width), tag
            assert len(np.unique(pixels)) > 10, f"{tag} is blank"
    filters = decode_png(run.Images("filters/stem.conv")[-1].encoded_image_string)
    assert filters.shape[2] == 3 and (filters.min() == 0 or filters.max() == 255)
    [table] = run.Tensors("mistakes/table")[-1:]
    text = tensor_util.make_ndarray(table.tensor_proto).item().decode()
    assert text.startswith("| | sample | is | taken for |") and text.count("\n") > 2, text


def graph_is_the_layers(fovea):
    logs, _ = training(fovea, "whole")
    nodes = {node.name: node for node in events(logs / "train").Graph().node}
    assert list(nodes) == ["input_layer", "rescaling", "stem/conv", "stem/norm", "max_pooling2d",
                           "flatten", "dense"], list(nodes)
    assert nodes["stem/conv"].op == "Conv2D" and list(nodes["stem/conv"].input) == ["rescaling"]
    [shape] = nodes["stem/conv"].attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 14, 14, 6]
    assert nodes["stem/conv"].attr["parameters"].i == 6 * 5 * 5 * 3 + 6


def raw_events(folder):
    [path] = [path for path in folder.iterdir() if path.is_file()]
    return list(event_file_loader.LegacyEventFileLoader(str(path)).Load())


def hyperparameters_are_read(fovea):
    logs, _ = training(fovea, "whole")
    content = events(logs).PluginTagToContent("hparams")
    data = {tag: plugin_data_pb2.HParamsPluginData.FromString(text)
            for tag, text in content.items()}
    start = data["_hparams_/session_start_info"].session_start_info
    found = {name: getattr(value, value.WhichOneof("kind"))
             for name, value in start.hparams.items()}
    assert found == {"rate": 0.01, "optimizer": "adam", "norm": True}, found
    end = data["_hparams_/session_end_info"].session_end_info
    assert end.status == 1 and end.end_time_secs >= start.start_time_secs > 1.6e9


def tensorboard_itself_loads_the_folder(fovea):
    """Its server's reader of whole folders, with its migration to the newest form of data."""
    logs, expected = training(fovea, "whole")
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(logs))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(logs))
    ctx = context.RequestContext()
    runs = {run.run_name for run in provider.list_runs(ctx, experiment_id="x")}
    assert runs == {".", "train", "validation"}, runs
    scalars = provider.list_scalars(ctx, experiment_id="x", plugin_name="scalars")
    assert scalars["train"]["epoch_loss"].max_step == len(expected["history"]) - 1
    histograms = provider.list_tensors(ctx, experiment_id="x", plugin_name="histograms")
    assert "dense.weight/histogram" in histograms["train"], histograms
    images = provider.list_blob_sequences(ctx, experiment_id="x", plugin_name="images")
    assert "mistakes" in images["train"]
    texts = provider.list_tensors(ctx, experiment_id="x", plugin_name="text")
    assert "mistakes/table" in texts["train"]


if __name__ == "__main__":
    main([scalars_are_the_history, resumed_run_shows_each_step_once,
          histograms_hold_all_weights_and_gradients, pictures_decode, graph_is_the_layers,
          hyperparameters_are_read, tensorboard_itself_loads_the_folder])
