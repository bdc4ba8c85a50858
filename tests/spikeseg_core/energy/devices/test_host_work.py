"""What is timed as the host's work gives what is deployed."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.energy.devices.host_work import Blend, Currents, ReadOut, Spikes, layers
from spikeseg_core.loihi.run.base import host_currents, read_out, steady_input
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT, Network, Weights, catalogue, kernel_key
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import spike_trains
from tests.spikeseg_core.energy.devices.models import small_ann, tiles
from tests.spikeseg_core.loihi.networks import random_network, random_weights

STEPS = 40


def test_currents_are_those_that_are_deployed() -> None:
    (network, weights), x = small_ann(), tiles(3)
    (name,) = layers(network)
    wanted = steady_input(network, name, host_currents(network, weights, name, x)).rise
    currents = Currents(network, weights, x, threads=1)
    for _ in range(2):
        currents()
        found = currents.rises[name].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_spikes_follow_from_the_currents(threads: int) -> None:
    (network, weights), x = small_ann(), tiles(3)
    (name,) = layers(network)
    currents = Currents(network, weights, x, threads)
    currents()
    spikes = Spikes(network, currents.rises, STEPS, threads)
    spikes()
    rise = currents.rises[name].transpose(0, 2, 3, 1).astype(float)
    wanted = spike_trains(rise / DT, STEPS, initial_potentials(network, name))
    assert wanted.any()
    np.testing.assert_array_equal(spikes.lists[name].counts.sum(axis=1), wanted.sum(axis=(2, 3, 4)))
    channels_first = wanted[-1].transpose(0, 3, 1, 2).reshape(STEPS, -1)
    for t in range(STEPS):
        listed = np.concatenate(
            [
                numbers[t, :count]
                for numbers, count in zip(
                    spikes.lists[name].numbers, spikes.lists[name].counts[-1, :, t], strict=True
                )
            ]
        )
        np.testing.assert_array_equal(np.sort(listed), np.flatnonzero(channels_first[t]))


def blended(network: Network, weights: Weights, grid: TileGrid, threads: int) -> None:
    """Compare what the host makes of spikes with what is deployed."""
    shape = grid.tiles, *network.shape(network.readout.source)
    counts = np.random.default_rng(1).integers(0, 9, shape)
    units = counts.transpose(0, 3, 1, 2) / (20 * DT * RATE_HZ_PER_UNIT)
    readout = ReadOut(network, weights, units, threads)
    blend = Blend(network, grid, readout.blocks, threads)
    for _ in range(2):
        readout()
        blend()
    (wanted,) = grid.stitch(expit(read_out(network, weights, counts, 20)))
    assert np.ptp(wanted) > 0.01
    np.testing.assert_allclose(blend.section, wanted, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(70, 101), (32, 32), (20, 40), (45, 33)])
def test_sections_are_those_that_are_deployed(shape: tuple[int, int], threads: int) -> None:
    network, weights = small_ann()
    blended(network, weights, TileGrid(shape, network.tile, 2), threads)


@pytest.mark.parametrize("seed", range(4))
def test_every_read_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    side = network.tile + 5
    blended(network, random_weights(rng, network), TileGrid((side, side), network.tile, 2), 2)


@pytest.mark.parametrize("kernel", range(1, 7))
def test_every_kernel(kernel: int) -> None:
    network, weights = small_ann()
    c = replace(network.readout, kernel=kernel)
    shape = kernel, kernel, network.shape(c.source)[-1], 1
    taps = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    changed = Weights({**weights.kernels, kernel_key(None, c.source): taps}, weights.biases)
    grid = TileGrid((network.tile + 3, network.tile), network.tile, 2)
    blended(replace(network, readout=c), changed, grid, 2)


def test_blocks_of_one_pixel_overlap_too() -> None:
    network, weights = small_ann()
    c = replace(network.readout, kind="conv_transpose", kernel=3, stride=1)
    side, _, channels = network.shape(c.source)
    units = np.random.default_rng(3).random((2, channels, side, side))
    taps = np.random.default_rng(2).normal(size=(3, 3, channels, 1)).astype(np.float32)
    changed = Weights({**weights.kernels, kernel_key(None, c.source): taps}, weights.biases)
    readout = ReadOut(SimpleNamespace(readout=c, tile=side), changed, units, 1)  # type: ignore[arg-type]
    readout()
    assert readout.blocks.shape == (2, 1, side + 2, side + 2)


def test_a_network_of_a_preset() -> None:
    network = catalogue.network("quick")
    weights = random_weights(np.random.default_rng(0), network)
    blended(network, weights, TileGrid((network.tile + 40,) * 2, network.tile, 2), 2)
