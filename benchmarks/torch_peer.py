#!/usr/bin/env python3
"""PyTorch's half of compare_torch.py: trains one network in one way, and writes how fast.

The same networks, batch sizes, optimizers, loss and data as benchmarks/train_bench.cpp, and the
same fields in the JSON. The data set, random bytes, lies on the device; a step gathers a
shuffled batch, normalises it, trains on it, and adds up loss and accuracy there. Milliseconds
per step are an epoch's time, up to where its metrics are on the host, over its steps.

The ways to train, each as PyTorch's own guides recommend it:
  eager         channels_last, autocast for f16 and bf16, fused optimizer, cuDNN benchmarking
  compile       the same with torch.compile(mode="reduce-overhead"): fused kernels in CUDA graphs
  max_autotune  the same with torch.compile(mode="max-autotune")
  cuda_graph    the eager step, all of it, captured by hand in one CUDA graph
  compile_cuda_graph
                loss and gradients through torch.compile in its default mode, and the step that
                holds them, all of it, captured by hand as in cuda_graph

Memory is what PyTorch's allocator handed out at most (peak_device_bytes) and what it took from
the device at most (peak_reserved_bytes); the first steps of an eager or captured run, in which
cuDNN tries out its algorithms with large scratch memory, do not count. After the timed epochs one
step runs under PyTorch's profiler, which counts the CUDA graphs that it launches and that it makes:
none launched, or some made, in a mode that should replay them says that it did not; null that the
profiler could not tell. A way that fails is a row that says why.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import sys
import time
from pathlib import Path

try:
    import torch
    import torch.nn.functional as functional
    from torch import nn
except ImportError as missing:
    sys.exit(f"torch_peer: PyTorch cannot be imported: {missing}")

MODES = ["eager", "compile", "max_autotune", "cuda_graph", "compile_cuda_graph"]
COMPILE_MODES = {"compile": "reduce-overhead", "max_autotune": "max-autotune",
                 "compile_cuda_graph": "default"}
CAPTURED_MODES = ["cuda_graph", "compile_cuda_graph"]


# ---- The networks ----

class Residual(nn.Module):
    """relu(body(x) + shortcut(x))."""

    def __init__(self, body, shortcut):
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for new channels on both sides."""

    def __init__(self, added):
        super().__init__()
        self.added = added

    def forward(self, x):
        return functional.pad(x[:, :, ::2, ::2],
                              (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))


def conv_norm(inputs, filters, kernel=3, stride=1):
    return [nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(filters)]


def basic_block(inputs, filters, stride, shortcut):
    return Residual(nn.Sequential(*conv_norm(inputs, filters, 3, stride), nn.ReLU(),
                              *conv_norm(filters, filters)), shortcut)


def cifar10_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10))


def resnet20():
    blocks, inputs = [], 16
    for filters in (16, 32, 64):
        for _ in range(3):
            grows = filters != inputs
            shortcut = PaddedShortcut(filters - inputs) if grows else nn.Identity()
            blocks.append(basic_block(inputs, filters, 2 if grows else 1, shortcut))
            inputs = filters
    return nn.Sequential(*conv_norm(3, 16), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(64, 10))


def resnet18():
    blocks, inputs = [], 64
    for filters in (64, 128, 256, 512):
        for _ in range(2):
            stride = 2 if filters != inputs else 1
            shortcut = (nn.Sequential(*conv_norm(inputs, filters, 1, stride))
                        if stride == 2 else nn.Identity())
            blocks.append(basic_block(inputs, filters, stride, shortcut))
            inputs = filters
    return nn.Sequential(*conv_norm(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *blocks,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def vgg16():
    layers, inputs = [], 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU()]
            inputs = filters
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for features in (512 * 7 * 7, 4096):
        layers += [nn.Linear(features, 4096), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(4096, 1000))


IMAGENET = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
# As in train_bench.cpp: network, pixels along a side, classes, trainable parameters, mean and
# standard deviation of the pixels, optimizer, rate.
RECIPES = {
    "cifar10_cnn": (cifar10_cnn, 32, 10, 122_570, ([0.0] * 3, [255.0] * 3), "adam", 0.001),
    "resnet20": (resnet20, 32, 10, 269_722,
                 ([125.3, 123.0, 113.9], [63.0, 62.1, 66.7]), "nesterov", 0.01),
    "resnet18": (resnet18, 224, 1000, 11_689_512, IMAGENET, "nesterov", 0.01),
    "vgg16": (vgg16, 224, 1000, 138_357_544, IMAGENET, "nesterov", 0.001),
}


# ---- One step, in every way ----

class Training:
    """A network, its data on the device, and a step on the samples that `rows` names."""

    def __init__(self, arguments):
        build, side, classes, parameters, (mean, deviation), optimizer, rate = \
            RECIPES[arguments.model]
        self.device = torch.device(arguments.device)
        self.batch, self.steps = arguments.batch, arguments.steps
        self.count = self.batch * self.steps
        generator = torch.Generator().manual_seed(0)
        self.pictures = torch.randint(0, 256, (self.count, side, side, 3), dtype=torch.uint8,
                                      generator=generator).to(self.device)
        self.labels = torch.randint(0, classes, (self.count,), generator=generator).to(self.device)
        self.mean = torch.tensor(mean, device=self.device)
        self.scale = 1 / torch.tensor(deviation, device=self.device)

        self.model = build().to(self.device, memory_format=torch.channels_last).train()
        self.parameters = sum(p.numel() for p in self.model.parameters())
        if self.parameters != parameters:
            raise AssertionError(f"{self.parameters} parameters, not {parameters}")
        on_gpu = self.device.type == "cuda"
        if optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, fused=on_gpu,
                                              capturable=on_gpu)
        else:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=0.9,
                                             nesterov=True, fused=on_gpu)
        self.optimizer_name = optimizer
        self.autocast = {"f16": torch.float16, "bf16": torch.bfloat16}.get(arguments.precision)
        self.scaler = torch.amp.GradScaler(self.device.type,
                                           enabled=arguments.precision == "f16")
        self.loss_of = self._loss_of
        self.before_step = lambda: None
        self.loss_sum = torch.zeros((), device=self.device)
        self.correct = torch.zeros((), device=self.device, dtype=torch.int64)

    def _loss_of(self, pictures, labels):
        """Bytes (N, H, W, C), whose axes reordered are channels_last as they lie."""
        x = ((pictures.float() - self.mean) * self.scale).permute(0, 3, 1, 2)
        with torch.autocast(self.device.type, dtype=self.autocast or torch.bfloat16,
                            enabled=self.autocast is not None):
            logits = self.model(x)
        return functional.cross_entropy(logits.float(), labels), logits

    def step(self, rows):
        self.before_step()
        labels = self.labels[rows]
        self.optimizer.zero_grad(set_to_none=True)
        loss, logits = self.loss_of(self.pictures[rows], labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.loss_sum += loss.detach() * self.batch
        self.correct += (logits.detach().argmax(1) == labels).sum()

    def compile(self, mode):
        self.loss_of = torch.compile(self._loss_of, mode=mode)
        if mode != "default":  # graphs of torch.compile's own
            self.before_step = torch.compiler.cudagraph_mark_step_begin

    def capture(self):
        """Replaces step() by the replay of a graph that holds all of it."""
        if self.device.type != "cuda":
            raise RuntimeError("CUDA graphs need a GPU")
        rows = torch.zeros(self.batch, dtype=torch.int64, device=self.device)
        rows.copy_(torch.arange(self.batch))
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step(rows)
        torch.cuda.current_stream().wait_stream(side)
        forget_peaks(self.device)  # cuDNN has chosen its algorithms
        # Without gradients, backward() gives them memory of the graph's own.
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step(rows)

        def replay(wanted):
            rows.copy_(wanted)
            graph.replay()

        self.step = replay

    def epoch(self):
        """Milliseconds per step, and the mean loss."""
        begin = time.perf_counter()
        order = torch.randperm(self.count, device=self.device)
        self.loss_sum.zero_()
        self.correct.zero_()
        for first in range(0, self.count, self.batch):
            self.step(order[first:first + self.batch])
        loss = self.loss_sum.item() / self.count  # waits for the device
        self.correct.item()
        return (time.perf_counter() - begin) * 1000 / self.steps, loss


def forget_peaks(device):
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def graphs_of_a_step(training):
    """How many CUDA graphs a step launches, and makes; None where the profiler cannot tell."""
    if training.device.type != "cuda":
        return None
    rows = torch.arange(training.batch, device=training.device)
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    try:
        with torch.profiler.profile(activities=activities) as profiler:
            training.step(rows)
            torch.cuda.synchronize()
        events = {event.key: event.count for event in profiler.key_averages()}
    except Exception as error:  # the measurements stand without it
        print(f"torch_peer: the profiler failed: {error}", file=sys.stderr)
        return None
    if not any(name.startswith("cuda") for name in events):  # no calls were seen at all
        return None

    def count(call):
        return sum(events[name] for name in events if call in name)

    return {"launched": count("GraphLaunch"), "made": count("GraphInstantiate")}


def measure(arguments):
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("highest" if arguments.precision == "f32" else "high")
    torch.backends.cudnn.allow_tf32 = arguments.precision != "f32"

    training = Training(arguments)
    if arguments.mode in COMPILE_MODES:
        training.compile(COMPILE_MODES[arguments.mode])
    if arguments.mode in CAPTURED_MODES:
        training.capture()
    for epoch in range(arguments.warm_up):
        training.epoch()
        if arguments.mode == "eager" and epoch == 0:
            forget_peaks(training.device)
    times, losses = zip(*(training.epoch() for _ in range(arguments.epochs)))
    median = statistics.median(times)
    on_gpu = training.device.type == "cuda"
    measured = {
        "trainable_parameters": training.parameters,
        "optimizer": training.optimizer_name,
        "steps_per_epoch": training.steps,
        "milliseconds_per_step": spread(times),
        "images_per_second": training.batch / median * 1000,
        "loss": losses[-1],
        "dataset_bytes": training.pictures.nbytes + training.labels.nbytes,
        "peak_device_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "peak_reserved_bytes": torch.cuda.max_memory_reserved() if on_gpu else None,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    return measured | {"cuda_graphs_per_step": graphs_of_a_step(training)}


def spread(values):
    """As report.cpp: quantiles, interpolated."""
    ordered = sorted(values)

    def quantile(share):
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    return {"median": quantile(0.5), "p10": quantile(0.1), "p90": quantile(0.9),
            "count": len(ordered)}


def about(device):
    versions = {"python": platform.python_version(), "torch": torch.__version__,
                "cuda": torch.version.cuda}
    if device == "cuda" and torch.cuda.is_available():
        versions |= {"gpu": torch.cuda.get_device_name(),
                     "cudnn": torch.backends.cudnn.version()}
    return {"device": device, "versions": versions, "commit": os.environ.get("FOVEA_COMMIT"),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=RECIPES, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16", "f16"], default="f32")
    parser.add_argument("--mode", choices=MODES, default="eager")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=20, help="in an epoch")
    parser.add_argument("--epochs", type=int, default=7, help="timed ones")
    parser.add_argument("--warm-up", type=int, default=2, help="epochs before the timed ones")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--json", type=Path, help="write the row to this file")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    row = {"side": "torch", "mode": arguments.mode, "model": arguments.model,
           "batch_size": arguments.batch, "precision": arguments.precision}
    try:
        row |= {"status": "ok"} | measure(arguments)
        print(f"{row['milliseconds_per_step']['median']:.3f} ms/step, "
              f"{row['images_per_second']:,.0f} images/s")
    except Exception as error:  # whatever PyTorch throws is this row's result
        row |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        print(f"torch_peer: {row['reason']}", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(
            json.dumps(about(arguments.device) | {"rows": [row]}, indent=2) + "\n")
    return 0 if row["status"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
