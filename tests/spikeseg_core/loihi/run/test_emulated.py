import numpy as np
import pytest

from spikeseg_core.config import DeployConfig
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.run.backends import deploy
from spikeseg_core.loihi.run.base import host_layer, host_spikes, read_out
from spikeseg_core.loihi.run.emulated import emulate_continuously
from spikeseg_core.network.depth import depth
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED, PRESENTATION, mapped_network

STEPS, STARTS = 12, (0, 4, 11)


def test_neurons_that_start_spread_spike_earlier():
    spread = deploy(mapped_network("spread"), IMAGES, PRESENTATION, DeployConfig())
    rest = deploy(MAPPED, IMAGES, PRESENTATION, DeployConfig())
    first = [found.events.until(5).totals["spikes"] for found in (rest, spread)]
    assert first[1] > 1.2 * first[0]


def test_tiles_that_follow_each_other_are_one_long_run_read_out_late():
    """Two rows of three tiles; the last of a row is shown until it has passed the network."""
    network, weights, late = MAPPED.network, MAPPED.weights, depth(MAPPED.network)
    images = np.concatenate([IMAGES, IMAGES[::-1]])
    found = emulate_continuously(MAPPED, images, 3, STEPS, STARTS)
    last, emulator = network.readout.source, Emulator(MAPPED.integer)
    counter = EventCounter(MAPPED.integer, MAPPED.placement, last)
    assert 1 < late < STEPS
    wanted: list[dict[str, float]] = []
    for row, shown in enumerate(np.split(images, 2)):
        sent = {
            given.name: np.concatenate(
                [
                    host_spikes(network, weights, host_layer(network, given.name), tile[None], n)
                    for tile, n in zip([*shown, shown[-1]], [STEPS] * 3 + [late], strict=True)
                ],
                axis=1,
            )
            for given in MAPPED.integer.inputs
        }
        steps = 3 * STEPS + late
        windows = [(k * STEPS + s + late, (k + 1) * STEPS + late) for k in range(3) for s in STARTS]
        whole = emulator.run(sent, steps, windows=windows)
        assert whole.counts[last].any()
        for n, (k, start) in enumerate((k, s) for k in range(3) for s in STARTS):
            logits = read_out(network, weights, whole.counts[last][:, n], STEPS - start)
            np.testing.assert_array_equal(found.logits[start, STEPS][3 * row + k], logits[0])
        wanted.append(counter.count(whole.events).until(steps).totals)
    events = found.events.until(np.tile([STEPS, STEPS, STEPS + late], 2)).totals
    assert events == pytest.approx({name: n + wanted[1][name] for name, n in wanted[0].items()})
    np.testing.assert_array_equal(found.events.reset, [True, False, False] * 2)


def test_a_presentation_must_be_longer_than_the_network_is_deep():
    late = depth(MAPPED.network)
    with pytest.raises(DeploymentError, match=f"after {late} steps: a spike needs {late}"):
        emulate_continuously(MAPPED, IMAGES, 3, late, [0])
