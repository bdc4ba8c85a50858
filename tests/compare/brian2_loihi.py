"""brian2-loihi: which networks it can hold, and a run of it.

It has neurons without a bias, floor or ceiling, all of a group alike, thresholds and weights in
multiples of 64, and registers that never overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from spikeseg_core.loihi.integer_network import IntegerNetwork
from tests.compare.synapses import Synapses, synapses

UNIT = 64
LARGEST = 131_071
"""Of the threshold, in units of 64."""

MIXED = 1
"""Sign mode: weights of either sign, so that the last of 8 bits is none."""


def reasons(network: IntegerNetwork) -> list[str]:
    """Say what a network has that brian2-loihi does not; nothing if it can be written."""
    found = []
    sizes = np.diff(network.block_start)
    if network.bias.any():
        found.append("bias")
    if network.voltage.any():
        found.append("first voltage")
    if (network.block_vmin > -(2**22)).any():
        found.append("floor")
    if (network.block_vmax < 2**23 - 1).any():
        found.append("ceiling")
    if (network.vth % UNIT).any() or network.vth.max() > LARGEST * UNIT:
        found.append("threshold")
    if (network.refract > 64).any():
        found.append("rest")
    for name in ("vth", "decay_u", "decay_v", "refract"):
        each = getattr(network, name)
        first = np.repeat(each[network.block_start[:-1]], sizes)
        if (each != first).any():
            found.append("compartments of a block differ")
            break
    if any(_mantissas(each) is None for each in synapses(network)):
        found.append("weights")
    return found


def _mantissas(each: Synapses) -> np.ndarray | None:
    """Even mantissas of 8 bits, at the synapses' exponent; None if the weights have none."""
    unit = 2.0 ** (6 + each.exponent)
    mantissa = each.weight / unit
    whole = np.rint(mantissa).astype(np.int64)
    fits = (mantissa == whole) & (whole % 2 == 0) & (whole >= -256) & (whole <= 254)
    # It cuts weights to multiples of 64.
    return whole if (fits & (each.weight % UNIT == 0)).all() else None


def prepare(cache: Path, *, compiled: bool) -> None:
    """Let Brian compile what it runs, which takes minutes, or not; say where it is kept."""
    import brian2

    brian2.prefs.codegen.target = "cython" if compiled else "numpy"
    brian2.prefs.codegen.runtime.cython.cache_dir = str(cache / "brian2")
    brian2.prefs.logging.file_log = False


def run(
    network: IntegerNetwork, inputs: Sequence[np.ndarray], n_steps: int
) -> tuple[np.ndarray, float]:
    """Run a network that has no :func:`reasons` against it.

    Parameters
    ----------
    inputs : sequence of (n_steps, neurons) uint8
        Spikes sent by the host.

    Returns
    -------
    tuple of ndarray and float
        Spikes, ``(n_steps, compartments)`` bool, and seconds of the simulation, after it has been
        compiled.
    """
    import brian2_loihi as b2

    groups: dict[int, Any] = {}
    for index, sent in enumerate(inputs):
        # A spike of the host arrives in the step after it is sent; of a generator, in its own.
        step, neuron = np.nonzero(sent[: n_steps - 1])
        groups[-1 - index] = b2.LoihiSpikeGeneratorGroup(sent.shape[1], neuron, step + 1)
    for block in range(network.n_blocks):
        first = int(network.block_start[block])
        groups[block] = b2.LoihiNeuronGroup(
            int(network.block_start[block + 1]) - first,
            refractory=int(network.refract[first]),
            threshold_v_mant=int(network.vth[first]) // UNIT,
            decay_v=int(network.decay_v[first]),
            decay_I=int(network.decay_u[first]) + 1,
        )
    wires = []
    for each in synapses(network):
        made = b2.LoihiSynapses(
            groups[each.source], groups[each.target], w_exp=each.exponent, sign_mode=MIXED
        )
        made.connect(i=each.neuron, j=each.compartment)
        made.w = _mantissas(each)
        wires.append(made)
    monitors = [b2.LoihiSpikeMonitor(groups[block]) for block in range(network.n_blocks)]
    made = b2.LoihiNetwork(*groups.values(), *wires, *monitors)
    made.store()
    made.run(1)  # compiles
    made.restore()
    began = perf_counter()
    made.run(n_steps)
    seconds = perf_counter() - began
    spikes = np.zeros((n_steps, network.n_neurons), bool)
    for block, monitor in enumerate(monitors):
        steps = np.rint(np.asarray(monitor.t_) * 1000).astype(int)
        spikes[steps, network.block_start[block] + np.asarray(monitor.i)] = True
    return spikes, seconds
