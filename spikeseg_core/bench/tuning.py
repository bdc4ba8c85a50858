"""``spikeseg bench tuning``: a batch of the epochs with spikes, on events and in floating point.

Both ways take the same batches of a preset in turn, because the speed of shared machines drifts.
Timed is the whole step of training, from the batch to the new weights. Every spike of a batch is
compared with that of the emulator on the network as NengoLoihi's builder maps it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import get_num_threads

from spikeseg_core.ann.averaging import WeightAverage
from spikeseg_core.ann.material import Material, training_batches
from spikeseg_core.ann.training import compiled, optimizer_of
from spikeseg_core.ann.tuning import scaled_for_spikes
from spikeseg_core.ann.tuning_losses import TuningLosses, on_events
from spikeseg_core.ann.unet import weights_of
from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.errors import ConfigError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.layout import LayerIntegers
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import host_currents, host_layer, host_spikes
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import tf

BATCHES = 5
COMPARED_TILES = 2
"""Tiles of a batch whose spikes are compared."""


def bench_tuning(
    config: PipelineConfig,
    dataset: Dataset,
    network: Network,
    weights: Weights,
    report: Reporter = SILENT,
    *,
    batches: int = BATCHES,
) -> dict[str, Any]:
    """Time both ways of the epochs with spikes on the same batches.

    Parameters
    ----------
    weights : Weights
        Of the trained network, before it is scaled.
    batches : int
        Batches of each way; one more, which compiles, is not counted.

    Returns
    -------
    dict
        ``reference_s`` and ``events_s``, seconds a batch (medians); ``ratio``, the median over the
        batches; ``spikes_equal``; ``parts_s``, where a batch on events goes; the batch's size, the
        steps and the ``load`` of the machine (1 minute) before and after; ``basis``.

    Raises
    ------
    ConfigError
        If the settings keep the float reference (``tune.weight_bits`` empty, ``tune.synapse_ms``).
    """
    settings = config.tune
    if not on_events(network, settings):
        raise ConfigError(
            "these settings tune in floating point: set tune.weight_bits, and tune.synapse_ms to 0"
        )
    load = os.getloadavg()[0]
    scaled = scaled_for_spikes(network, weights, dataset, settings)
    ways = {
        name: TuningLosses(network, scaled, settings, chip=name == "events")
        for name in ("reference", "events")
    }
    steps = {name: _step(losses, settings) for name, losses in ways.items()}
    spiking = settings.model_copy(update={"steps_per_epoch": batches + 1})
    parts = _parts(ways["events"])
    seconds: dict[str, list[float]] = {name: [] for name in (*steps, *parts)}
    shown = np.zeros(0)
    for number, (x, y) in enumerate(
        training_batches(Material.of(dataset, settings), network.tile, spiking, 0)
    ):
        shown = x
        calls = {
            name: partial(step, tf.constant(x), tf.constant(y)) for name, step in steps.items()
        }
        calls |= {name: partial(part, tf.constant(x)) for name, part in parts.items()}
        for name, call in calls.items():
            taken = _seconds(call)
            if number:  # the first compiles
                seconds[name].append(taken)
        report.progress(number + 1, batches + 1, "batches on events and in floating point")
    reference, events, making, rates = map(np.array, seconds.values())
    return {
        "preset": config.preset,
        "network": network.name,
        "reference_s": float(np.median(reference)),
        "events_s": float(np.median(events)),
        "ratio": float(np.median(reference / events)),
        "spikes_equal": spikes_equal(ways["events"], shown[:COMPARED_TILES, ..., 0]),
        "parts_s": {
            "integers": float(np.median(making)),
            "chip": float(np.median(rates - making)),
            "gradient and the rest": float(np.median(events - rates)),
        },
        "batches": batches,
        "batch_size": settings.batch_size,
        "steps": max(settings.spiking_steps),
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "threads": get_num_threads(),
            "load": [load, os.getloadavg()[0]],
        },
        "basis": "measured",
    }


def _step(losses: TuningLosses, config: TuneConfig) -> Callable[[Any, Any], float]:
    """Return a whole step of training, which gives its loss."""
    optimizer = optimizer_of(losses.model, config)
    average = WeightAverage(losses.model, config.ema_decay)
    learn, _ = compiled(losses.model, losses.of_spikes, optimizer, average)
    return lambda x, y: float(learn(x, y)["loss"])


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def spikes_equal(losses: TuningLosses, images: np.ndarray) -> bool:
    """Whether every spike in tuning is that of the mapped network, built by NengoLoihi.

    Parameters
    ----------
    images : float32 array (tiles, tile, tile)
        Standardised.
    """
    network, chip, found = losses.network, losses.chip, losses.integers()
    bits = losses.config.weight_bits
    if chip is None or found is None or bits is None:
        raise ConfigError("these settings tune in floating point: there are no spikes to compare")
    weights = weights_of(network, losses.model)
    tiles = choose_tiles(network, weight_bits=bits)
    mapped = extract_network(
        discretize(build_network(network, weights, tiles, weight_bits=bits)).model
    )
    steps = max(losses.config.spiking_steps)
    names = [layer.name for layer in network.chip_layers()]
    hosts = {layer.name for layer in network.layers if not layer.on_chip}
    integers = {
        layer.name: LayerIntegers(
            {
                c.source: kernel.numpy()
                for c, kernel in zip(layer.inputs, found[layer.name].kernels, strict=True)
            },
            found[layer.name].biases.numpy(),
            found[layer.name].thresholds.numpy(),
        )
        for layer in network.chip_layers()
    }
    emulator = Emulator(mapped)
    equal = True
    for tile in range(len(images)):
        one = images[[tile]]
        sent = {name: host_spikes(network, weights, name, one, steps) for name in hosts}
        expected = emulator.run(
            [sent[host_layer(network, given.name)] for given in mapped.inputs], steps, record=names
        )
        units = {name: host_currents(network, weights, name, one) for name in hosts}
        ran = chip.run(units, integers, steps, losses.windows, record=names)
        equal &= all(np.array_equal(ran.spikes[n], expected.spikes[n]) for n in names)
    return equal


def _parts(losses: TuningLosses) -> dict[str, Callable[[Any], Any]]:
    """Return the first part of a step on events, making the integers, and that with the chip."""
    chip = losses.chip

    @tf.function
    def integers(_: Any) -> Any:
        found = losses.integers() or {}
        return [(x.kernels, x.biases, x.thresholds) for x in found.values()]

    @tf.function
    def rates(x: Any) -> Any:
        return chip.rates(losses.model, losses.integers() or {}, x, losses.windows) if chip else {}

    return {"integers": integers, "rates": rates}
