"""The emulators, called in one way: spikes, and milliseconds a step without what comes before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.placement import Placement, place
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.testing.engines import layered
from spikeseg_core.testing.generate import nengo_loihi_model, run_model
from spikeseg_core.testing.networks import build, run_nengo_loihi
from tests.compare import brian2_loihi, networks, sana_fe

FEW = 2
"""Steps of a run whose time is taken from that of a long one: what is left is steps alone."""


@dataclass(frozen=True)
class Given:
    """A network, what is sent to it, and NengoLoihi's model of it."""

    network: IntegerNetwork
    inputs: Sequence[np.ndarray]
    n_steps: int
    model: Any = None


Made = tuple[np.ndarray, float]
"""Spikes ``(n_steps, compartments)``, and milliseconds a step."""

Engine = Callable[[Given], Made]


def per_step(run: Callable[[int], float], n_steps: int) -> float:
    """Milliseconds a step: seconds of a long run without those of a short one."""
    short = run(FEW)
    return 1e3 * (run(n_steps) - short) / (n_steps - FEW)


def on_nengo_loihi(given: Given) -> Made:
    """Run NengoLoihi's emulator."""
    spikes = np.zeros((0, 0), np.uint8)

    def run(n_steps: int) -> float:
        nonlocal spikes
        for each in given.model.inputs:
            each.spikes.clear()
        began = perf_counter()
        spikes = run_model(given.model, [x[:n_steps] for x in given.inputs], n_steps)
        return perf_counter() - began

    ms = per_step(run, given.n_steps)
    return spikes, ms


def on_this(given: Given) -> Made:
    """Run this project's emulator, layer by layer; a second run is timed."""
    spikes = layered(given.network, given.inputs, given.n_steps)
    emulator, inputs = Emulator(given.network), [x[None] for x in given.inputs]
    began = perf_counter()
    emulator.run(inputs, given.n_steps)
    return spikes, 1e3 * (perf_counter() - began) / given.n_steps


def on_sana_fe(given: Given) -> Made:
    """Run SANA-FE, with the cores in order."""
    in_order = place(np.zeros(given.network.n_blocks, int), "in order")
    run = sana_fe.run(given.network, given.inputs, given.n_steps, in_order)
    return run.spikes, 1e3 * run.seconds / given.n_steps


def on_brian2_loihi(given: Given) -> Made:
    """Run brian2-loihi."""
    spikes, seconds = brian2_loihi.run(given.network, given.inputs, given.n_steps)
    return spikes, 1e3 * seconds / given.n_steps


def dense(seed: int, *, memory: bool = True) -> Given:
    """Make a random dense network; without ``memory``, SANA-FE holds it, too."""
    design = networks.dense(seed, memory=memory)
    model = nengo_loihi_model(design)
    return Given(extract_network(model), design.inputs, design.n_steps, model)


def u_net(side: int, n_steps: int) -> Given:
    """Make the U-Net; its currents last for one step, as most of this project's do."""
    truth = run_nengo_loihi(build(networks.u_net(side))[0], n_steps)
    for block in truth.model.blocks:  # 4094 would leave 1 / 4096, which SANA-FE does not round
        block.compartment.decay_u[:] = 4095
    return Given(extract_network(truth.model), truth.inputs, n_steps, truth.model)


def scattered(network: IntegerNetwork) -> Placement:
    """Place the cores at random on as few routers of one mesh as hold them."""
    order = np.random.default_rng(0).permutation(network.n_blocks)
    return Placement("random", np.zeros(network.n_blocks, int), order)
