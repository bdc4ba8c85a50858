"""A chip in plain numpy, written to be read: every rule is a method of its own.

It is slow, and shares no code with the emulators. The corpus checks it too; and a copy of it with
one rule changed has to fail (``tests/spikeseg_core/testing/test_reference.py``), which shows that
the corpus pins that rule down.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def wrap(x: np.ndarray, bits: int) -> np.ndarray:
    """Keep ``bits`` bits and a sign: what a register of that width holds."""
    return (x + 2**bits) % 2 ** (bits + 1) - 2**bits


class Reference:
    """A network that advances step by step.

    Parameters
    ----------
    network : dict of str to ndarray
        As :func:`~spikeseg_core.testing.reader.read_case` returns it.
    """

    def __init__(self, network: dict[str, np.ndarray]) -> None:
        self.net = {name: np.asarray(array, np.int64) for name, array in network.items()}
        n = int(self.net["block_start"][-1])
        self.sizes = np.diff(self.net["block_start"])
        self.current = np.zeros(n, np.int64)
        self.voltage = self.first_voltage()
        self.resting = np.zeros(n, np.int64)

    def run(self, inputs: Sequence[np.ndarray], n_steps: int) -> np.ndarray:
        """Return the spikes of all compartments, ``(n_steps, compartments)`` bool."""
        spikes = np.zeros((n_steps, self.current.size), bool)
        for t in range(n_steps):
            before = [x[t - 1] > 0 if t > 0 else np.zeros(x.shape[1], bool) for x in inputs]
            own = spikes[t - 1] if t > 0 else np.zeros(self.current.size, bool)
            spikes[t] = self.step(self.arriving(own, before))
        return spikes

    def arriving(self, spiked: np.ndarray, sent: Sequence[np.ndarray]) -> np.ndarray:
        """Sum of the weights that arrive at every compartment: spikes travel for one step."""
        net = self.net
        total = np.zeros(self.current.size, np.int64)
        for route, source in enumerate(net["route_source"]):
            if source < 0:
                neurons = np.flatnonzero(sent[-1 - source])
            else:
                first, last = net["block_start"][source : source + 2]
                neurons = np.flatnonzero(spiked[first:last])
            group = net["route_synapse"][route]
            block = net["synapse_block"][group]
            for neuron in net["route_start"][route] + neurons:
                axon, atom = net["route_axon"][neuron], net["route_atom"][neuron]
                if axon >= 0:
                    self.deliver(total, int(block), int(net["axon_start"][group] + axon), int(atom))
        return total

    def deliver(self, total: np.ndarray, block: int, axon: int, atom: int) -> None:
        """Add one row of weights; an axon with base -1 is not used."""
        net = self.net
        base = net["axon_base"][axon]
        if base < 0:
            return
        kind = net["axon_set"][axon]
        atoms = net["synapse_atoms"][np.searchsorted(net["set_start"], kind, "right") - 1]
        weights = net["weight"][net["weight_start"][kind] : net["weight_start"][kind + 1]]
        targets = net["target"][net["target_start"][kind] : net["target_start"][kind + 1]]
        # One row of targets holds for all atoms.
        row, targets = (
            np.resize(x, (atoms, weights.size // atoms))[atom] for x in (weights, targets)
        )
        total[net["block_start"][block] + base + targets] += self.weights(row, block)

    def weights(self, stored: np.ndarray, block: int) -> np.ndarray:
        """Take weights as stored: they are shifted by their exponent already."""
        return stored

    def step(self, total: np.ndarray) -> np.ndarray:
        """Advance every compartment by one step; return which spiked."""
        net = self.net
        self.current = self.wrap_current(
            self.decay(self.current, self.kept_of_current()) + self.wrap_input(total)
        )
        drive = self.wrap_drive(self.current + net["bias"])
        voltage = self.decay(self.voltage, self.kept_of_voltage()) + drive
        voltage = self.rest(self.clip(voltage))
        spiked = self.exceeds(voltage)
        self.voltage = self.after_spike(voltage, spiked)
        self.resting = self.refractory(spiked)
        return spiked

    def first_voltage(self) -> np.ndarray:
        """Voltage before the first step."""
        return self.net["voltage"].copy()

    def wrap_input(self, total: np.ndarray) -> np.ndarray:
        """Give the synaptic input 21 bits and a sign."""
        return wrap(total, 21)

    def wrap_current(self, current: np.ndarray) -> np.ndarray:
        """Give the current 23 bits and a sign."""
        return wrap(current, 23)

    def wrap_drive(self, drive: np.ndarray) -> np.ndarray:
        """Give the sum of current and bias, which is not kept, 23 bits and a sign."""
        return wrap(drive, 23)

    def kept_of_current(self) -> np.ndarray:
        """Return what a step leaves of 4096 parts of the current."""
        return 4095 - self.net["decay_u"]

    def kept_of_voltage(self) -> np.ndarray:
        """Return what a step leaves of 4096 parts of the voltage."""
        return 4096 - self.net["decay_v"]

    def decay(self, x: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Decay, rounding toward zero."""
        return np.sign(x) * (np.abs(x) * kept // 4096)

    def clip(self, voltage: np.ndarray) -> np.ndarray:
        """Keep the voltage between floor and ceiling of its block."""
        floor, ceiling = (np.repeat(self.net[f"block_{name}"], self.sizes) for name in LIMITS)
        return np.clip(voltage, floor, ceiling)

    def rest(self, voltage: np.ndarray) -> np.ndarray:
        """Hold the voltage of a compartment at rest at 0; its current goes on."""
        return np.where(self.resting > 0, 0, voltage)

    def exceeds(self, voltage: np.ndarray) -> np.ndarray:
        """Compare with the threshold: a voltage equal to it is no spike."""
        return voltage > self.net["vth"]

    def after_spike(self, voltage: np.ndarray, spiked: np.ndarray) -> np.ndarray:
        """Set the voltage to 0 where there was a spike."""
        return np.where(spiked, 0, voltage)

    def refractory(self, spiked: np.ndarray) -> np.ndarray:
        """Rest for ``refract`` steps, of which the step of the spike is the first."""
        return np.maximum(np.where(spiked, self.net["refract"], self.resting) - 1, 0)


LIMITS = ("vmin", "vmax")
