import numpy as np
import pytest

from spikeseg_core.config import DeployConfig
from spikeseg_core.loihi.run.backends import BACKENDS, deploy
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED, PRESENTATION, mapped_network


@pytest.mark.parametrize("start", ["rest", "spread"])
def test_both_emulators_give_the_same_spikes(start):
    own = mapped_network(start)
    fast, slow = (
        deploy(own, IMAGES, PRESENTATION, DeployConfig(engine=engine))
        for engine in ("fast", "nengo-loihi")
    )
    assert fast.counts.any()
    np.testing.assert_array_equal(fast.counts, slow.counts)
    np.testing.assert_array_equal(fast.logits, slow.logits)
    assert fast.logits.shape == (3, 16, 16)
    assert fast.rates.keys() == slow.rates.keys()
    for name, rates in fast.rates.items():
        np.testing.assert_allclose(rates, slow.rates[name])
    assert slow.events is None
    assert fast.events is not None
    chip = [layer.name for layer in own.network.chip_layers()]
    spikes = sum(fast.rates[name].sum(dtype=float) for name in chip) * 0.04
    assert fast.events.totals["spikes"].sum() == pytest.approx(spikes, rel=1e-6)


def test_a_new_back_end_is_one_row(monkeypatch):
    monkeypatch.setitem(BACKENDS, "fpga", lambda *given: given)
    config = DeployConfig().model_copy(update={"engine": "fpga"})
    given = (MAPPED, IMAGES, PRESENTATION, config)
    assert deploy(*given)[:4] == given
