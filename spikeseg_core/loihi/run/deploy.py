"""Running a mapped network: on this project's emulator, on NengoLoihi's, or on Loihi itself.

Three engines, one result. ``fast`` runs the integer network; ``nengo-loihi`` runs the same blocks
through :class:`nengo_loihi.Simulator`, which is also the way to hardware (target ``loihi``). The
target is always named: left to itself, NengoLoihi takes hardware where it finds any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.errors import DeploymentError, MeterError
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator import host_spikes as integrate_on_host
from spikeseg_core.loihi.integer_network import IntegerNetwork, first_voltages
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.quantization.build import DiscretizedNetwork, build_network, discretize
from spikeseg_core.loihi.run.allocator import PlacementAllocator
from spikeseg_core.loihi.run.board import write_voltages
from spikeseg_core.loihi.run.energy_probe import BoardEnergy, BoardProbe
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Network, Weights
from spikeseg_core.network.initial_state import start_voltages
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi, tf

BATCH_TILES = 16
"""Section tiles whose host spikes are held at once: a byte a host neuron and step each."""


@dataclass(frozen=True)
class MappedNetwork:
    """What quantization and partitioning leave: all that a run needs.

    Attributes
    ----------
    network, weights : Network, Weights
        The network in floating point.
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    integer : IntegerNetwork
        The network in Loihi's integers.
    placement : Placement
        Chip and core of every block.
    population_type, weight_bits : int
        As the network was mapped with.
    """

    network: Network
    weights: Weights
    tiles: Mapping[str, Tile]
    integer: IntegerNetwork
    placement: Placement
    population_type: int = 16
    weight_bits: int = 8

    def blocks(self, synapse_ms: float = 0.0) -> DiscretizedNetwork:
        """Build the network as NengoLoihi's blocks, in integers.

        Parameters
        ----------
        synapse_ms : float
            Time constant of the synaptic low-pass; 0: none.
        """
        built = build_network(
            self.network,
            self.weights,
            self.tiles,
            population_type=self.population_type,
            weight_bits=self.weight_bits,
            synapse_ms=synapse_ms,
        )
        return discretize(built)


@dataclass(frozen=True)
class Deployment:
    """What the chip gave for a number of section tiles.

    Attributes
    ----------
    logits : ndarray
        Read-out of every pixel, float32 ``(tiles, rows, columns)``.
    counts : ndarray
        Spikes of the last on-chip layer in the read-out window, int32
        ``(tiles, rows, columns, channels)``.
    rates : mapping of str to ndarray
        Spike rate in Hz over all steps, float32 ``(tiles, rows, columns, channels)`` by layer,
        those on the host among them; empty from hardware, which does not tell.
    events : StepEvents or None
        Exact counts of all events, by tile and step; None from engines that do not count.
    readouts : mapping of (int, float) to ndarray
        Logits as other presentations give them, by number of steps and read-out window; from the
        fast engine only.
    board_energy : tuple of BoardEnergy
        What the board's energy probe showed, tile by tile; from hardware only.
    """

    logits: np.ndarray
    counts: np.ndarray
    rates: Mapping[str, np.ndarray]
    events: StepEvents | None
    readouts: Mapping[tuple[int, float], np.ndarray] = field(default_factory=dict)
    board_energy: tuple[BoardEnergy, ...] = ()


def deploy(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
) -> Deployment:
    """Show section tiles to a mapped network.

    Parameters
    ----------
    mapped : MappedNetwork
        The network, its blocks and their places.
    images : ndarray
        Standardised pixels, float ``(tiles, rows, columns)``.
    presentation : PresentationConfig
        Steps, read-out window, synapses.
    config : DeployConfig
        Target and engine.
    report : Reporter
        Told of every tile.

    Raises
    ------
    DeploymentError
        If the target is ``loihi`` and NxSDK is not installed.
    """
    if config.target == "loihi":
        require_nxsdk()
    elif config.engine == "fast":
        others = [
            presentation.model_copy(update={"steps": steps, "readout_window": window})
            for steps in (*config.anytime_steps, presentation.steps)
            for window in (presentation.readout_window, *config.readout_windows)
            if steps <= presentation.steps
        ]
        return run_fast(mapped, images, presentation, report, others)
    target = "sim" if config.target == "emulator" else "loihi"
    return run_nengo_loihi(mapped, images, presentation, target, report)


def require_nxsdk() -> None:
    """Check that Loihi can be reached.

    Raises
    ------
    DeploymentError
        If Intel's NxSDK is not installed.
    """
    if not nengo_loihi.hardware.HAS_NXSDK:
        raise DeploymentError(
            "target 'loihi' needs Intel's NxSDK, which is not installed here (Intel gives it to "
            "members of its research community, with access to boards); choose target 'emulator'"
        )


# -- the fast engine ------------------------------------------------------------------------------


def run_fast(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    report: Reporter = SILENT,
    others: Sequence[PresentationConfig] = (),
) -> Deployment:
    """Run section tiles on this project's emulator.

    Parameters
    ----------
    others : sequence of PresentationConfig
        Give also the logits that these presentations would have, of as many steps or fewer; what
        happens in a step does not depend on those after it.

    Raises
    ------
    DeploymentError
        If a host layer whose spikes go to the chip is not fed by the image alone.
    """
    own = presentation.readout_start, presentation.steps
    windows = {(p.steps, p.readout_window): (p.readout_start, p.steps) for p in others}
    distinct = dict.fromkeys(window for window in windows.values() if window != own)
    # The counts are those of the last one.
    found = emulate(mapped, images, presentation.steps, [*distinct, own], report)
    return Deployment(
        found.logits[own],
        found.counts,
        found.rates,
        found.events,
        readouts={shown: found.logits[window] for shown, window in windows.items()},
    )


@dataclass(frozen=True)
class Emulation:
    """What :func:`emulate` saw.

    Attributes
    ----------
    logits : mapping of (int, int) to ndarray
        Read-out of every pixel by its window, float32 ``(tiles, rows, columns)``.
    counts, rates, events
        As in :class:`Deployment`; the counts are those of the last window.
    """

    logits: Mapping[tuple[int, int], np.ndarray]
    counts: np.ndarray
    rates: Mapping[str, np.ndarray]
    events: StepEvents


def emulate(
    mapped: MappedNetwork,
    images: np.ndarray,
    steps: int,
    windows: Sequence[tuple[int, int]],
    report: Reporter = SILENT,
) -> Emulation:
    """Run section tiles on this project's emulator and read them out over several windows.

    Parameters
    ----------
    steps : int
        Steps that every tile is shown for.
    windows : sequence of (int, int)
        First step, from 0, and step after the last of each read-out. They may overlap.

    Raises
    ------
    DeploymentError
        If a host layer whose spikes go to the chip is not fed by the image alone.
    """
    network, weights, integer = mapped.network, mapped.weights, mapped.integer
    last = network.readout.source
    emulator = Emulator(integer)
    counter = EventCounter(integer, mapped.placement, last)
    edges = sorted({0, steps, *(edge for window in windows for edge in window)})
    shape = (len(images), network.tile, network.tile)
    logits = {window: np.zeros(shape, np.float32) for window in windows}
    hosts = [layer.name for layer in network.layers if not layer.on_chip]
    rates = _no_rates(network, len(images))
    counts = np.zeros((len(images), *network.shape(last)), np.int32)
    events: list[StepEvents] = []
    for first in range(0, len(images), BATCH_TILES):
        batch = slice(first, first + BATCH_TILES)
        sent = {name: host_spikes(network, weights, name, images[batch], steps) for name in hosts}
        of_last = []  # spikes of the last layer between the edges
        for tile in range(len(images[batch])):
            shown = {name: spikes[[tile]] for name, spikes in sent.items()}
            # One by one, because each tile's busiest core sets the time of its steps.
            run = emulator.run(
                [shown[host_layer(network, given.name)] for given in integer.inputs],
                steps,
                windows=list(pairwise(edges)),
                count=[layer.name for layer in network.chip_layers()],
            )
            events.append(counter.count(run.events))
            of_last.append(run.counts[last][0])
            for name, found in rates.items():
                spikes = shown[name] if name in shown else run.counts[name]
                total = spikes[0].sum(axis=0)
                found[first + tile] = total.reshape(found.shape[1:]) / (steps * DT)
            report.progress(first + tile + 1, len(images), "section tiles on the emulator")
        between = np.stack(of_last)
        for start, end in windows:
            inside = slice(edges.index(start), edges.index(end))
            counts[batch] = between[:, inside].sum(axis=1).reshape(counts[batch].shape)
            logits[start, end][batch] = read_out(network, weights, counts[batch], end - start)
    return Emulation(logits, counts, rates, StepEvents.join(events))


def _no_rates(network: Network, tiles: int) -> dict[str, np.ndarray]:
    return {
        layer.name: np.zeros((tiles, *network.shape(layer.name)), np.float32)
        for layer in network.layers
    }


def host_layer(network: Network, name: str) -> str:
    """Layer on the host that an input of the integer network carries.

    A layer that feeds several on-chip layers is several inputs: ``stem``, ``stem-2``, ...
    """
    for layer in network.layers:
        if not layer.on_chip and (name == layer.name or name.startswith(f"{layer.name}-")):
            return layer.name
    raise DeploymentError(
        f"input {name!r} of the integer network is no host layer of network {network.name!r}; "
        "run the quantize stage again"
    )


def host_spikes(
    network: Network, weights: Weights, name: str, images: np.ndarray, steps: int
) -> np.ndarray:
    """Spikes of a layer on the host under a constant image.

    The neuron is NengoLoihi's ``LoihiSpikingRectifiedLinear``, step by step in 64-bit floats as
    Nengo runs it.

    Parameters
    ----------
    images : ndarray
        ``(tiles, rows, columns)``.

    Returns
    -------
    ndarray of uint8
        ``(tiles, steps, rows, columns, channels)``, 0 or 1.

    Raises
    ------
    DeploymentError
        If the layer is not fed by the image alone.
    """
    inputs = network.layer(name).inputs
    if [c.source for c in inputs] != [IMAGE]:
        raise DeploymentError(
            f"host layer {name!r} is fed by {[c.source for c in inputs]}; the fast engine takes "
            "host layers fed by the image only, choose engine 'nengo-loihi'"
        )
    kernel = weights.kernel(name, IMAGE).astype(np.float64)
    pixels = images[..., None].astype(np.float64)
    units = tf.nn.conv2d(pixels, kernel, inputs[0].stride, "SAME").numpy() + weights.biases[name]
    return integrate_on_host(units * RATE_HZ_PER_UNIT, steps, DT, start_voltages(network, name))


# -- NengoLoihi's engine, and hardware ------------------------------------------------------------


def run_nengo_loihi(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    target: str,
    report: Reporter = SILENT,
) -> Deployment:
    """Run section tiles through ``nengo_loihi.Simulator``.

    The blocks are built once; every tile gets a fresh simulator.

    Parameters
    ----------
    target : {"sim", "loihi"}
        NengoLoihi's name of the target.
    """
    network, placement = mapped.network, mapped.placement
    discretized = mapped.blocks(presentation.synapse_ms)
    built = discretized.built
    last = network.readout.source
    steps, start = presentation.steps, presentation.readout_start
    options = {"allocator": PlacementAllocator(placement), "n_chips": placement.chip_count}
    counts = np.zeros((len(images), *network.shape(last)), dtype=np.int32)
    rates = _no_rates(network, len(images))
    energy: list[BoardEnergy] = []
    for number, image in enumerate(images):
        built.source.image = image
        simulator = nengo_loihi.Simulator(
            built.nengo, dt=DT, model=discretized.model, target=target, hardware_options=options
        )
        probe = None
        if target == "loihi":
            board = simulator.sims["loihi"].nxsdk_board
            write_voltages(board, discretized.model, placement)
            # A board takes its probes before it starts, and has the energy after it has stopped.
            probe = _energy_probe(board, steps, report)
        else:
            state = simulator.sims["emulator"].compartment
            state.voltage[:] = first_voltages(discretized.model)
        with simulator:
            simulator.clear_probes()
            simulator.run_steps(steps)
            spikes = np.asarray(simulator.data[built.probe]) > 0
            counts[number] = spikes[start:].sum(axis=0).reshape(counts.shape[1:])
            if target == "sim":
                _read_rates(discretized, simulator.sims["emulator"], number, steps, rates)
                for layer in network.layers:
                    if not layer.on_chip:
                        sent = host_spikes(network, mapped.weights, layer.name, image[None], steps)
                        rates[layer.name][number] = sent[0].sum(axis=0) / (steps * DT)
        if probe is not None:
            energy.append(probe.read())
        report.progress(number + 1, len(images), f"section tiles on NengoLoihi ({target})")
    return Deployment(
        logits=read_out(network, mapped.weights, counts, steps - start),
        counts=counts,
        rates=rates if target == "sim" else {},
        events=None,
        board_energy=tuple(energy),
    )


def _energy_probe(board: Any, steps: int, report: Reporter) -> BoardProbe | None:
    """Attach an energy probe to the board, if it takes one."""
    try:
        return BoardProbe(board, steps)
    except MeterError as error:
        report.say(f"the board's energy is not measured: {error}")
        return None


def _read_rates(
    discretized: DiscretizedNetwork,
    emulator: object,
    tile: int,
    steps: int,
    rates: Mapping[str, np.ndarray],
) -> None:
    """Read the rates of one tile from the spikes that NengoLoihi's emulator counted."""
    spikes = emulator.compartment.spike_count  # type: ignore[attr-defined]
    where = emulator.block_info.slices  # type: ignore[attr-defined]
    for layer in discretized.built.network.chip_layers():
        flat = rates[layer.name][tile].reshape(-1)
        for block in discretized.blocks(layer.name):
            neurons = list(discretized.model.block_comp_map[block])
            flat[neurons] = spikes[where[block]] / (steps * DT)


def read_out(
    network: Network, weights: Weights, counts: np.ndarray, window_steps: int
) -> np.ndarray:
    """Linear read-out on the host, from spikes of the last on-chip layer.

    Parameters
    ----------
    counts : ndarray
        Spikes in the window, ``(tiles, rows, columns, channels)``.
    window_steps : int
        Length of the window in steps.

    Returns
    -------
    ndarray
        Logits, float32 ``(tiles, rows, columns)``.
    """
    c = network.readout
    units = (counts / (window_steps * DT * RATE_HZ_PER_UNIT)).astype(np.float32)
    kernel = weights.kernel(None, c.source)
    if c.kind == "conv_transpose":
        shape = (len(counts), network.tile, network.tile, 1)
        logits = tf.nn.conv2d_transpose(
            units, kernel.transpose(0, 1, 3, 2), shape, c.stride, "SAME"
        )
    else:
        logits = tf.nn.conv2d(units, kernel, c.stride, "SAME")
    return logits.numpy()[..., 0] + weights.biases["readout"]
