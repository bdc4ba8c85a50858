import numpy as np
import pytest

from spikeseg_core.config import DeployConfig
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.run import base
from spikeseg_core.loihi.run.backends import BACKENDS, deploy
from spikeseg_core.network.depth import depth
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED, PRESENTATION, mapped_network


@pytest.mark.parametrize("in_a_row", [None, 1, 2])
@pytest.mark.parametrize("start", ["rest", "spread"])
def test_both_emulators_give_the_same_spikes(start, in_a_row):
    own, images = mapped_network(start), np.concatenate([IMAGES, IMAGES[::-1]])[1:5]
    fast, slow = (
        deploy(own, images, PRESENTATION, DeployConfig(engine=engine), in_a_row=in_a_row)
        for engine in ("fast", "nengo-loihi")
    )
    assert fast.counts.any()
    np.testing.assert_array_equal(fast.counts, slow.counts)
    np.testing.assert_array_equal(fast.logits, slow.logits)
    assert fast.logits.shape == (4, 16, 16)
    late = depth(own.network)
    more = {None: [0, 0, 0, 0], 1: [late] * 4, 2: [0, late, 0, late]}[in_a_row]
    np.testing.assert_array_equal(fast.steps, 40 + np.array(more))
    np.testing.assert_array_equal(slow.steps, fast.steps)
    assert fast.rates.keys() == slow.rates.keys()
    for name, rates in fast.rates.items():
        np.testing.assert_allclose(rates, slow.rates[name])
    assert slow.events is None
    assert fast.events is not None
    chip = [layer.name for layer in own.network.chip_layers()]
    spikes = sum(fast.rates[name].sum(dtype=float) for name in chip) * 0.04
    while_shown = fast.events.totals["spikes"][:, :40].sum()
    assert while_shown == pytest.approx(spikes, rel=1e-6)


@pytest.mark.parametrize("engine", ["fast", "nengo-loihi"])
def test_tiles_in_a_row_are_shown_for_longer_than_a_spike_needs(engine, monkeypatch):
    monkeypatch.setattr(base, "depth", lambda network: PRESENTATION.steps)
    with pytest.raises(DeploymentError, match="after 40 steps: a spike needs 40 through"):
        deploy(MAPPED, IMAGES, PRESENTATION, DeployConfig(engine=engine), in_a_row=3)


def test_a_new_back_end_is_one_row(monkeypatch):
    monkeypatch.setitem(BACKENDS, "fpga", lambda *given, in_a_row: given)
    config = DeployConfig().model_copy(update={"engine": "fpga"})
    given = (MAPPED, IMAGES, PRESENTATION, config)
    assert deploy(*given)[:4] == given
