"""``spikeseg bench networks``: five networks of other people's design, mapped and emulated.

Their architectures are published; nobody trained them here or elsewhere. Weights are random but
seeded, batch norm's statistics are those of the input that is shown, which is smooth noise. So
outputs mean nothing; what they show is whether the chip computes what the ANN computes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from spikeseg_core.frontends import keras_model
from spikeseg_core.frontends.emulation import GraphRun, emulate
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.mapped import MappedGraph, map_graph
from spikeseg_core.loihi.chip import Board
from spikeseg_core.network.graph import Shape
from spikeseg_core.reporting import SILENT, Reporter

STEPS = 400
CALIBRATION, SHOWN = 8, 4
"""Items for the scales, and further items that are emulated."""


def _lenet(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.AveragePooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.AveragePooling2D(),
            layers.Conv2D(120, 5, activation="relu"),
            layers.Flatten(),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _vgg(keras: Any) -> Any:
    layers, he = keras.layers, "he_normal"
    found = [keras.Input((32, 32, 3))]
    for width in (64, 128, 256):
        for _ in range(2):
            found.append(layers.Conv2D(width, 3, padding="same", activation="relu"))
            found[-1].kernel_initializer = keras.initializers.get(he)
        found.append(layers.AveragePooling2D())
    dense = [layers.Dense(512, activation="relu", kernel_initializer=he) for _ in range(2)]
    return keras.Sequential([*found, layers.Flatten(), *dense, layers.Dense(10, "softmax")])


def _resnet(keras: Any) -> Any:
    layers = keras.layers

    def conv(x: Any, width: int, size: int, stride: int) -> Any:
        he = "he_normal"
        x = layers.Conv2D(width, size, stride, "same", use_bias=False, kernel_initializer=he)(x)
        return layers.BatchNormalization(momentum=0.0)(x)

    given = keras.Input((32, 32, 3))
    x = layers.ReLU()(conv(given, 16, 3, 1))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = layers.ReLU()(conv(x, width, 3, stride))
            y = conv(y, width, 3, 1)
            skip = conv(x, width, 1, stride) if stride > 1 else x
            x = layers.ReLU()(layers.Add()([y, skip]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, layers.Dense(10, activation="softmax")(x))


def _mobilenet(keras: Any) -> Any:
    shape = {"input_shape": (64, 64, 3), "alpha": 0.25, "classes": 10}
    model = keras.applications.MobileNet(weights=None, **shape)
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    return model


def _unet(keras: Any) -> Any:
    layers = keras.layers

    def twice(x: Any, width: int) -> Any:
        for _ in range(2):
            conv = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")
            x = layers.ReLU()(conv(x))
        return x

    given = keras.Input((64, 96, 3))
    x, skips = given, []
    for width in (8, 16, 32):
        x = twice(x, width)
        skips.append(x)
        x = layers.AveragePooling2D()(x)
    x = twice(x, 64)
    for width, skip in zip((32, 16, 8), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(width, 2, 2, "same")(x)
        x = twice(layers.Concatenate()([skip, x]), width)
    return keras.Model(given, layers.Conv2D(1, 1, activation="sigmoid")(x))


@dataclass(frozen=True)
class Published:
    """A network of the bench.

    Attributes
    ----------
    make : callable
        Makes it from the Keras module.
    chips : int
        Chips of its board.
    source : str
        Who designed it, and what differs.
    """

    make: Callable[[Any], Any]
    chips: int
    source: str


NETWORKS = {
    "LeNet-5": Published(_lenet, 2, "LeCun et al. 1998, with ReLU and average pooling"),
    "VGG-9": Published(_vgg, 8, "Simonyan and Zisserman 2015, for 32 x 32, average pooling"),
    "ResNet-20": Published(_resnet, 4, "He et al. 2016, with projections"),
    "MobileNet 0.25": Published(_mobilenet, 2, "Howard et al. 2017, at 64 x 64"),
    "U-Net 64 x 96": Published(_unet, 4, "Ronneberger et al. 2015, narrow, average pooling"),
}


def smooth_noise(shape: Shape, items: int, seed: int) -> np.ndarray:
    """Seeded images of smooth noise between 0 and 1, ``(items, *shape)``."""
    noise = np.random.default_rng(seed).normal(size=(items, *shape))
    smooth = gaussian_filter(noise, (0, *(n / 24 for n in shape[:2]), 0))
    low, high = smooth.min(axis=(1, 2, 3)), smooth.max(axis=(1, 2, 3))
    scaled = (smooth - low[:, None, None, None]) / (high - low)[:, None, None, None]
    return np.asarray(scaled, np.float32)


def make(name: str, items: np.ndarray | None = None, seed: int = 0) -> Any:
    """Make a network in Keras, with random weights and batch norm for these items."""
    from spikeseg_core.stack import keras

    keras.utils.set_random_seed(seed)
    model = NETWORKS[name].make(keras)
    given = smooth_noise(model.input_shape[1:], CALIBRATION, seed) if items is None else items
    model(given, training=True)  # batch norm takes the statistics of its last batch
    return model


def bench_networks(report: Reporter = SILENT, steps: int = STEPS, seed: int = 0) -> dict[str, Any]:
    """Map and emulate every network.

    Returns
    -------
    dict
        ``networks``: a row each; ``steps``, ``seed``, and what is measured and what modelled.
    """
    rows = []
    for name, published in NETWORKS.items():
        report.say(f"{name}: {published.source}")
        began = time.perf_counter()
        graph = fold(keras_model.from_model(make(name, seed=seed), name))
        items = smooth_noise(graph.input_shape, CALIBRATION + SHOWN, seed)
        mapped = map_graph(graph, Board(published.chips), items[:CALIBRATION], seed=seed)
        mapping_s = time.perf_counter() - began
        run = emulate(mapped, items[CALIBRATION:], steps, report=report)
        emulation_s = time.perf_counter() - began - mapping_s
        seconds = {"mapping_s": mapping_s, "emulation_s": emulation_s}
        rows.append({"network": name, "source": published.source, **row(mapped, run), **seconds})
    return {
        "networks": rows,
        "steps": steps,
        "items": SHOWN,
        "seed": seed,
        "weights": "random, untrained",
        "input": "smooth noise, synthetic",
        "basis": {"messages": "counted", "energy": "modelled", "seconds": "measured"},
    }


def row(mapped: MappedGraph, run: GraphRun) -> dict[str, Any]:
    """Fit, cores, messages, energy, and correlation with the ANN of a run."""
    events = run.events.until(run.events.steps)
    counts = events.per_presentation()
    energy = run.energy
    chip = [run.correlation[layer.name] for layer in mapped.graph.chip_layers()]
    return {
        "ensembles": len(chip),
        "neurons": mapped.graph.neurons_on_chip,
        "cores": mapped.integer.n_blocks,
        "chips": mapped.placement.chip_count,
        "messages_per_step": counts["messages_out"] / events.steps,
        "messages_between_chips": counts["messages_interchip"] / events.steps,
        "synaptic_operations": counts["synaptic_ops"] + counts["dense_synaptic_ops"],
        "dynamic_mj": energy.dynamic_mj,
        "total_mj": energy.total_mj,
        "milliseconds": energy.seconds * 1e3,
        "mean_rate_hz": _mean_rate(mapped, run),
        "correlation": float(np.nanmean(chip)),
        "correlation_of_output": run.output_correlation,
        "same_largest_output": run.agreement,
    }


def _mean_rate(mapped: MappedGraph, run: GraphRun) -> float:
    total = sum(float(run.rates[x.name].sum()) for x in mapped.graph.chip_layers())
    return total / len(run.output) / mapped.graph.neurons_on_chip
