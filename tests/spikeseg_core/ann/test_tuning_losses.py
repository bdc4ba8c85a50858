from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeseg_core.ann.tuning_losses import TuningLosses, on_events
from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import TuneConfig
from spikeseg_core.stack import tf
from tests.spikeseg_core.ann.networks import TINY

NETWORK = replace(TINY, initial_potential="spread")
CONFIG = TuneConfig(spiking_steps=(20, 40), distillation_weight=0.0)
IMAGES = tf.constant(np.random.default_rng(0).normal(size=(2, 16, 16, 1)), tf.float32)
TARGETS = tf.concat([tf.cast(IMAGES > 0, tf.float32), tf.ones_like(IMAGES)], -1)


def losses(chip: bool | None = None, **settings: Any) -> TuningLosses:
    weights = weights_of(NETWORK, build_model(NETWORK, seed=4))
    return TuningLosses(NETWORK, weights, CONFIG.model_copy(update=settings), chip=chip)


def test_the_loss_on_events_is_close_to_the_float_references() -> None:
    events, reference = (losses(chip).of_spikes(IMAGES, TARGETS, True) for chip in (True, False))
    for name in ("cross_entropy", "rate_loss", "synaptic_ops"):
        assert float(events[name]) == pytest.approx(float(reference[name]), rel=0.1), name
    assert float(events["loss"]) != float(reference["loss"])


@pytest.mark.parametrize("change", [{"weight_bits": None}, {"synapse_ms": 2.0}], ids=str)
def test_without_integers_or_with_a_synaptic_filter_the_spikes_are_float(
    change: dict[str, object],
) -> None:
    assert losses().chip is not None
    assert losses(**change).chip is None
    assert on_events(NETWORK, CONFIG)
    assert not on_events(NETWORK, CONFIG.model_copy(update=change))
