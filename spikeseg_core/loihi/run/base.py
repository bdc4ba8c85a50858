"""Mapped networks, the protocol of back ends and their results, and the host's computations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import SteadyInput
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.quantization.build import DiscretizedNetwork, build_network, discretize
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Network, Weights
from spikeseg_core.network.depth import depth
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import spike_trains
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import tf


@dataclass(frozen=True)
class MappedNetwork:
    """The result of quantization and partitioning: everything a run needs.

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
        Settings of the mapping.
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
            Time constant of the synaptic low-pass in ms; 0 disables it.
        """
        return discretize(
            build_network(
                self.network,
                self.weights,
                self.tiles,
                population_type=self.population_type,
                weight_bits=self.weight_bits,
                synapse_ms=synapse_ms,
            )
        )


@dataclass(frozen=True)
class Deployment:
    """Result of running section tiles on the chip.

    Attributes
    ----------
    logits : ndarray
        Read-out of every pixel, float32 ``(tiles, rows, columns)``.
    counts : ndarray
        Spikes of the last on-chip layer in the read-out window, int32
        ``(tiles, rows, columns, channels)``.
    rates : mapping of str to ndarray
        Spike rate in Hz over the steps that a tile is shown, float32
        ``(tiles, rows, columns, channels)``, by layer including the host's; empty from hardware,
        which does not report rates.
    events : StepEvents or None
        Exact counts of all events, by tile and step; None from back ends that do not count.
    steps : ndarray
        Steps that each tile ran, int ``(tiles,)``.
    board_energy : tuple of BoardEnergy
        Readings of the board's energy probe, one per tile; from hardware only.
    """

    logits: np.ndarray
    counts: np.ndarray
    rates: Mapping[str, np.ndarray]
    events: StepEvents | None
    steps: np.ndarray
    board_energy: tuple[BoardEnergy, ...] = ()


class Backend(Protocol):
    """Runs section tiles on a mapped network."""

    def __call__(
        self,
        mapped: MappedNetwork,
        images: np.ndarray,
        presentation: PresentationConfig,
        config: DeployConfig,
        report: Reporter,
        *,
        in_a_row: int | None,
    ) -> Deployment:
        """Run the network.

        Parameters
        ----------
        images : ndarray
            Standardised pixels, float ``(tiles, rows, columns)``.
        in_a_row : int or None
            Tiles that follow each other without a reset; None: every tile begins with one.

        Raises
        ------
        DeploymentError
            If the back end is not available here, or cannot run this network, or the tiles of a
            row are shown for less time than a spike needs through the network.
        """


def delay(network: Network, steps: int) -> int:
    """Return by how many steps read-outs are late when tiles follow without a reset.

    What the layers hold of a tile still passes through the network when the next one is shown.

    Raises
    ------
    DeploymentError
        If tiles are shown for ``steps`` steps, which is not more.
    """
    late = depth(network)
    if steps <= late:
        raise DeploymentError(
            f"tiles cannot follow each other without a reset after {steps} steps: a spike needs "
            f"{late} through the network; present them for longer, or with resets"
        )
    return late


def steps_of_tiles(network: Network, tiles: int, steps: int, in_a_row: int | None) -> np.ndarray:
    """Return the steps that each tile runs, int ``(tiles,)``.

    Parameters
    ----------
    in_a_row : int or None
        As in :class:`Backend`. The last tile of a row is shown until it has passed the network.
    """
    ran = np.full(tiles, steps)
    if in_a_row is not None:
        ran[in_a_row - 1 :: in_a_row] += depth(network)
    return ran


def no_rates(network: Network, tiles: int) -> dict[str, np.ndarray]:
    """Zeros for the rates of all layers by name, as in :class:`Deployment`."""
    return {
        layer.name: np.zeros((tiles, *network.shape(layer.name)), np.float32)
        for layer in network.layers
    }


def host_layer(network: Network, name: str) -> str:
    """Host layer that an input of the integer network belongs to.

    A layer that feeds several on-chip layers has several inputs: ``stem``, ``stem-2``, ...
    """
    for layer in network.layers:
        if not layer.on_chip and (name == layer.name or name.startswith(f"{layer.name}-")):
            return layer.name
    raise DeploymentError(
        f"input {name!r} of the integer network is not a host layer of network {network.name!r}; "
        "run the quantize stage again"
    )


def host_spikes(
    network: Network, weights: Weights, name: str, images: np.ndarray, steps: int
) -> np.ndarray:
    """Spikes of a layer on the host under a constant image.

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
    units = host_currents(network, weights, name, images)
    return spike_trains(units * RATE_HZ_PER_UNIT, steps, initial_potentials(network, name))


def steady_input(network: Network, name: str, units: np.ndarray) -> SteadyInput:
    """Give a host layer's currents, from :func:`host_currents`, to the emulator."""
    return SteadyInput(units * RATE_HZ_PER_UNIT * DT, initial_potentials(network, name))


def host_currents(network: Network, weights: Weights, name: str, images: np.ndarray) -> np.ndarray:
    """Input of a host layer's neurons under a constant image, in units of 100 Hz.

    Returns
    -------
    ndarray of float64
        ``(tiles, rows, columns, channels)``.

    Raises
    ------
    DeploymentError
        If the layer is not fed by the image alone.
    """
    stride = image_connection(network, name).stride
    kernel = weights.kernel(name, IMAGE).astype(np.float64)
    pixels = images[..., None].astype(np.float64)
    summed = tf.nn.conv2d(pixels, kernel, stride, "SAME").numpy()
    units: np.ndarray = summed + weights.biases[name]
    return units


def image_connection(network: Network, name: str) -> Connection:
    """Return the only connection of a host layer, from the image.

    Raises
    ------
    DeploymentError
        If the layer is not fed by the image alone.
    """
    inputs = network.layer(name).inputs
    if [c.source for c in inputs] != [IMAGE]:
        raise DeploymentError(
            f"host layer {name!r} is fed by {[c.source for c in inputs]}; the fast engine runs "
            "only host layers fed by the image; choose engine 'nengo-loihi'"
        )
    return inputs[0]


def read_out(
    network: Network, weights: Weights, counts: np.ndarray, window_steps: int
) -> np.ndarray:
    """Linear read-out on the host from the spikes of the last on-chip layer.

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
