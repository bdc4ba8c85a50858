from dataclasses import replace

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.run.backends import deploy
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED


def test_synapses_and_fewer_bits_reach_the_slow_engine():
    results = [
        deploy(
            replace(MAPPED, weight_bits=bits), IMAGES, PresentationConfig(steps=40, synapse_ms=ms),
            DeployConfig(engine="nengo-loihi"),
        )
        for ms, bits in ((0.0, 8), (5.0, 8), (0.0, 4))
    ]  # fmt: skip
    assert not np.array_equal(results[0].counts, results[1].counts)
    assert not np.array_equal(results[0].counts, results[2].counts)
