"""NengoLoihi's simulator with this project's emulator behind it.

    from spikeseg_core.loihi.drop_in import Simulator        # instead of nengo_loihi.Simulator

or, without touching the code that makes simulators::

    with fast_emulator():
        with nengo_loihi.Simulator(network, target="sim") as sim:
            sim.run(1.0)

Everything but the chip stays NengoLoihi's: its builder, its host simulators, its probes' weights
and filters. The chip gives the same spikes, currents and voltages at every step, and the same
warnings of overflow. Networks that learn, and those of target ``"simreal"``, run on NengoLoihi's
own emulator; a line of the log says so once per network.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from nengo.exceptions import SimulationError, SimulatorClosed

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.stepwise import CHUNK_STEPS, OVERFLOWS, StepwiseEmulator
from spikeseg_core.loihi.quantization.extract import extract_network

try:
    from spikeseg_core.stack import nengo_loihi
except ImportError:  # TensorFlow is not here, nor needed
    import nengo_loihi

__all__ = ["FastEmulator", "Simulator", "fast_emulator", "nengo_loihi"]

logger = logging.getLogger(__name__)
interface: Any = nengo_loihi.emulator.interface

WATCHED = ("current", "voltage", "spiked")
"""States of compartments that probes can show."""


class FastEmulator(nengo_loihi.emulator.EmulatorInterface):
    """NengoLoihi's ``EmulatorInterface``, computed by :class:`StepwiseEmulator`.

    Parameters
    ----------
    model : nengo_loihi.builder.Model
        Built and discretized.
    seed : int, optional
        Of the noise, if compartments have any.

    Attributes
    ----------
    engine : StepwiseEmulator or None
        None if this network runs on NengoLoihi's own emulator.
    refused : str
        Why it does; empty if it does not.
    """

    def __init__(self, model: Any, seed: int | None = None) -> None:
        self.engine: StepwiseEmulator | None = None
        self.refused = ""
        try:
            _refuse_unknown_probes(model)
            engine = StepwiseEmulator(extract_network(model, from_outside=True))
        except DeploymentError as error:
            self.refused = str(error)
            logger.warning("NengoLoihi's own emulator runs %s: %s", model, error)
            super().__init__(model, seed)
            return
        self.engine = engine
        self.closed = True
        self.seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        self.rng = np.random.RandomState(self.seed)
        self.block_info = interface.BlockInfo(model.blocks)
        self.inputs: Any = list(model.inputs)
        self.probes = interface.ProbeState(self.block_info, list(model.probes), model.dt)
        self.noise = _noise(self.block_info)
        self.watch = tuple({probe.key for probe in self.probes.probes})
        self.t = 0
        self.closed = False

    def close(self) -> None:
        """Free the states; what probes hold can still be collected."""
        if self.engine is None:
            super().close()
        self.closed = True
        self.engine = None
        self.block_info = self.inputs = self.noise = None

    def reset(self, seed: int | None = None) -> None:
        """Go back to before the first step."""
        if self.engine is None:
            raise NotImplementedError("NengoLoihi's own emulator cannot be reset")
        self.engine.reset()
        self.seed = self.seed if seed is None else seed
        self.rng = np.random.RandomState(self.seed)
        self.probes = interface.ProbeState(
            self.block_info, list(self.probes.probes), self.probes.dt
        )
        for spike_input in self.inputs:
            placed = spike_input.permanent
            spike_input.spikes = {t: x for t, x in spike_input.spikes.items() if t in placed}
        self.t = 0

    def host2chip(self, spikes: Any, errors: Any) -> None:
        """Take spikes ``(input, step, neurons)`` from the host."""
        if self.engine is None:
            super().host2chip(spikes, errors)
            return
        for spike_input, t, neurons in spikes:
            spike_input.add_spikes(t, neurons)

    def step(self) -> None:
        """Advance by one step."""
        self.run_steps(1)

    def run_steps(self, steps: int) -> None:
        """Advance by ``steps`` steps."""
        if self.engine is None:
            for _ in range(steps):
                super().step()
            return
        for begin in range(0, steps, CHUNK_STEPS):
            self._run_chunk(self.engine, min(CHUNK_STEPS, steps - begin))

    def _run_chunk(self, engine: StepwiseEmulator, steps: int) -> None:
        times = range(self.t, self.t + steps)  # a spike arrives in the step after that of the host
        arrivals = [[x.spike_idxs(t) if t > 0 else () for t in times] for x in self.inputs]
        before = engine.overflows.sum(0)
        seen = engine.advance(arrivals, steps, watch=self.watch, noise=self._sample(steps))
        self.t += steps
        for name, n in zip(OVERFLOWS, engine.overflows.sum(0) - before, strict=True):
            if n:
                self._overflowed(f"Overflow in {name}")
        for probe, slices in self.probes.probes.items():
            values = getattr(seen, probe.key)
            for k, part in enumerate(slices.values()):
                self.probes.outputs[probe][k].extend(np.array(values[:, part][:, probe.slice[k]]))

    def _overflowed(self, message: str) -> None:
        """Raise or warn, as NengoLoihi's emulator does."""
        if self.strict:
            raise SimulationError(message)
        warnings.warn(message, stacklevel=5)

    def _sample(self, steps: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Draw the noise of the next steps, for the synaptic inputs and for the membranes."""
        if self.noise is None:
            return None
        drawn = np.stack([self.noise.sample(self.rng) for _ in range(steps)])
        at_membrane = self.noise.target_u
        return np.where(at_membrane, 0, drawn), np.where(at_membrane, drawn, 0)


def _refuse_unknown_probes(model: Any) -> None:
    unknown = sorted({probe.key for probe in model.probes} - set(WATCHED))
    if unknown:
        raise DeploymentError(f"probes of {unknown}; this emulator shows {WATCHED}")


def _noise(block_info: Any) -> Any | None:
    with np.errstate(invalid="ignore"):  # it marks unset integers by NaN
        noise = interface.NoiseState(block_info)
    return noise if noise.enabled.any() else None


class Simulator(nengo_loihi.Simulator):
    """``nengo_loihi.Simulator`` whose target ``"sim"`` is :class:`FastEmulator`.

    The parameters and attributes are the same. :meth:`reset`, which NengoLoihi lacks, works here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with mock.patch("nengo_loihi.simulator.EmulatorInterface", FastEmulator):
            super().__init__(*args, **kwargs)

    def reset(self, seed: int | None = None) -> None:
        """Go back to before the first step; probes are cleared.

        Parameters
        ----------
        seed : int, optional
            Of everything random in the simulation; by default the seeds stay.

        Raises
        ------
        SimulatorClosed
            If the simulator is closed.
        NotImplementedError
            If the network runs on NengoLoihi's own emulator or on hardware.
        """
        if self.closed:
            raise SimulatorClosed("Cannot reset closed Simulator.")
        emulator = self.sims.get("emulator")
        if not isinstance(emulator, FastEmulator) or emulator.engine is None:
            super().reset(seed)
        self.clear_probes()
        for name in ("host_pre", "host"):
            if name in self.sims:
                self.sims[name].reset(seed=seed)
        emulator.reset(seed)
        self._runner = nengo_loihi.simulator.StepRunner(
            self.model, self.sims, self.precompute, self.timers
        )
        self._n_steps = 0
        self._probe_step_time()


@contextmanager
def fast_emulator() -> Iterator[None]:
    """Let ``nengo_loihi.Simulator`` be :class:`Simulator` inside the block.

    Code that imported NengoLoihi's class by its name gets the emulator, too, but no ``reset``.
    """
    with (
        mock.patch("nengo_loihi.simulator.EmulatorInterface", FastEmulator),
        mock.patch("nengo_loihi.Simulator", Simulator),
        mock.patch("nengo_loihi.simulator.Simulator", Simulator),
        mock.patch("nengo_loihi.emulator.EmulatorInterface", FastEmulator),
    ):
        yield
