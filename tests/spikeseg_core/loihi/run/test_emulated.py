from spikeseg_core.config import DeployConfig
from spikeseg_core.loihi.run.backends import deploy
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED, PRESENTATION, mapped_network


def test_neurons_that_start_spread_spike_earlier():
    spread = deploy(mapped_network("spread"), IMAGES, PRESENTATION, DeployConfig())
    rest = deploy(MAPPED, IMAGES, PRESENTATION, DeployConfig())
    first = [found.events.until(5).totals["spikes"] for found in (rest, spread)]
    assert first[1] > 1.2 * first[0]
