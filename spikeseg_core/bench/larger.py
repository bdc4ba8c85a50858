"""Networks too large for NengoLoihi's emulator here: the what-ifs of the mapping bench.

The network ``paper`` for tiles of two and four times its side, 940,032 and 3,760,128 neurons. It is
laid out from its architecture (:mod:`spikeseg_core.loihi.emulator.layout`), not from cores: their
single synapses would take more memory than all else. So events are counted by rows of neurons
instead of cores. Integers are random, biases such that neurons spike at some 20 Hz.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np

from spikeseg_core.bench.cases import WHAT_IF_RATE_HZ, WHAT_IF_SCALES
from spikeseg_core.bench.limit import Work, beside_the_limit
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.layout import LayerIntegers, Layout
from spikeseg_core.network import DT, Network, catalogue

STEPS = 64
THRESHOLD = 2**16
LARGEST_WEIGHT, UNIT = 10, 128
"""Largest weight, and the power of two that weights are multiples of, as in trained networks."""

NOT_RUN = "not run: it would take minutes, and needs the network core by core"


def networks() -> list[Network]:
    """Network ``paper`` and its larger forms."""
    paper = replace(catalogue.network("paper"), initial_potential="spread")
    return [
        replace(paper, name=f"paper, {label}", tile=paper.tile * scale)
        for label, scale in WHAT_IF_SCALES.items()
    ]


def measure(network: Network, n_steps: int = STEPS, repeats: int = 5) -> dict[str, Any]:
    """Measure this emulator alone.

    Returns
    -------
    dict
        ``neurons``, ``steps``, ``mean_rate_hz``; ``engine_peak_mib`` (layout and run) and
        ``input_mib`` (spikes of the host); ``nengo_loihi``, why it was not run; and the keys of
        :func:`~spikeseg_core.bench.limit.beside_the_limit`.
    """
    rng = np.random.default_rng(0)
    period = round(1 / (WHAT_IF_RATE_HZ * DT))
    sent = {
        layer.name: rng.integers(0, period, (1, n_steps, *network.shape(layer.name)), np.uint8) == 0
        for layer in network.layers
        if not layer.on_chip
    }
    integers = _integers(network, rng, THRESHOLD // period)
    tracemalloc.start()
    emulator = Emulator(Layout(network).plan(integers))
    run = emulator.run(sent, n_steps)
    engine_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    neurons = network.neurons_on_chip
    work = Work(
        neurons,
        run.events.spikes_of.sum() / n_steps,
        # As if no synapse were beyond the edge of its target: a little too many.
        sum(int(n.sum()) * network.fan_out(name) for name, n in run.totals.items()) / n_steps,
        emulator.chunk_steps,
    )
    chip = sum(int(run.totals[layer.name].sum()) for layer in network.chip_layers())
    found = beside_the_limit(lambda: emulator.run(sent, n_steps), n_steps, work, repeats)
    del found["seconds_of_turns"]
    return {
        "name": network.name,
        "neurons": neurons,
        "steps": n_steps,
        "mean_rate_hz": chip / (neurons * n_steps * DT),
        "engine_peak_mib": engine_peak / 2**20,
        "input_mib": sum(spikes.nbytes for spikes in sent.values()) / 2**20,
        "nengo_loihi": NOT_RUN,
        **found,
    }


def _integers(network: Network, rng: np.random.Generator, bias: int) -> dict[str, LayerIntegers]:
    found = {}
    for layer in network.chip_layers():
        kernels = {
            c.source: UNIT
            * rng.integers(
                -LARGEST_WEIGHT, LARGEST_WEIGHT + 1, network.kernel_shape(layer.name, c), np.int32
            )
            for c in layer.inputs
        }
        of_channels = np.ones(layer.channels, np.int32)
        found[layer.name] = LayerIntegers(kernels, bias * of_channels, THRESHOLD * of_channels)
    return found
