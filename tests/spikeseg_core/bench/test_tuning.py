from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.ann.tuning_losses import TuningLosses
from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.bench import tuning
from spikeseg_core.bench.tuning import bench_tuning, spikes_equal
from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.errors import ConfigError
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset

NETWORK = replace(TINY, initial_potential="spread")
CONFIG = PipelineConfig(tune=TuneConfig(spiking_steps=(20, 30), batch_size=2))


def test_both_ways_are_timed_on_the_same_batches_and_every_spike_is_compared() -> None:
    weights = weights_of(NETWORK, build_model(NETWORK, seed=1))
    found = bench_tuning(CONFIG, tiny_dataset(), NETWORK, weights, batches=2)
    assert found["spikes_equal"] is True
    assert found["reference_s"] > 0
    assert found["events_s"] > 0
    assert found["ratio"] > 0
    assert found["basis"] == "measured"
    assert found["steps"] == 30
    assert list(found["parts_s"]) == ["integers", "chip", "gradient and the rest"]
    assert found["parts_s"]["chip"] > 0
    assert len(found["machine"]["load"]) == 2


def test_other_spikes_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of(NETWORK, build_model(NETWORK, seed=1))
    losses = TuningLosses(NETWORK, weights, CONFIG.tune)
    images = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)
    assert spikes_equal(losses, images)
    other = {"down": (4, 4, 4), "up": (8, 8, 4)}
    monkeypatch.setattr(tuning, "choose_tiles", lambda *_, **__: other)
    assert not spikes_equal(losses, images)


@pytest.mark.parametrize("change", [{"weight_bits": None}, {"synapse_ms": 1.0}])
def test_settings_that_keep_the_float_reference_are_refused(change: dict[str, object]) -> None:
    config = CONFIG.model_copy(update={"tune": CONFIG.tune.model_copy(update=change)})
    weights = weights_of(NETWORK, build_model(NETWORK, seed=1))
    with pytest.raises(ConfigError, match=r"tune\.weight_bits"):
        bench_tuning(config, tiny_dataset(), NETWORK, weights)
