"""The emulators of this project, called in the way that the corpus calls any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.stepwise import StepwiseEmulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.testing.reference import Reference


def layered(network: IntegerNetwork, inputs: Sequence[np.ndarray], n_steps: int) -> np.ndarray:
    """Layer by layer; refuses loops, and ensembles whose compartments differ."""
    names = [ensemble.name for ensemble in network.ensembles]
    run = Emulator(network).run([x[None] for x in inputs], n_steps, record=names)
    spikes = np.zeros((n_steps, network.n_neurons), bool)
    for block in range(network.n_blocks):
        part = slice(network.block_start[block], network.block_start[block + 1])
        made = run.spikes[names[network.block_ensemble[block]]][0].reshape(n_steps, -1)
        spikes[:, part] = made[:, network.neuron[part]]
    return spikes


def stepwise(network: IntegerNetwork, inputs: Sequence[np.ndarray], n_steps: int) -> np.ndarray:
    """Block by block; what the drop-in for NengoLoihi uses."""
    nobody = np.zeros(0, int)  # a spike arrives in the step after that in which it is sent
    arrivals = [[nobody, *map(np.flatnonzero, x[: n_steps - 1])] for x in inputs]
    return StepwiseEmulator(network).advance(arrivals, n_steps, watch=("spiked",)).spiked


def reference(network: IntegerNetwork, inputs: Sequence[np.ndarray], n_steps: int) -> np.ndarray:
    """Rule by rule, in plain numpy."""
    return Reference(network.arrays).run(inputs, n_steps)
