from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.ann.float_reference import segment_with_float_reference
from spikeseg_core.config import PresentationConfig
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run import emulated
from tests.spikeseg_core.presentation.searched import NETWORK, mapped_network


@pytest.mark.parametrize("synapse_ms", [0, 1, 4])
def test_with_the_scales_of_the_cores_it_is_the_chip(synapse_ms: float) -> None:
    mapped = mapped_network()
    integer = extract_network(mapped.blocks(synapse_ms).model)
    mapped = replace(mapped, integer=integer)
    images = np.random.default_rng(0).normal(size=(4, NETWORK.tile, NETWORK.tile))
    tiles = images.astype(np.float32)
    shown = PresentationConfig(steps=40, synapse_ms=synapse_ms)
    chip = emulated.run(mapped, tiles, shown).logits

    def reference(**settings):
        return segment_with_float_reference(
            mapped.network, mapped.weights, tiles, shown, **settings
        )

    rounded = reference(weight_bits=mapped.weight_bits, core_tiles=mapped.tiles)
    # Integer and floating-point arithmetic move a spike by a step now and then.
    assert np.isclose(rounded, chip, atol=1e-3).mean() > 0.8
    assert np.abs(rounded - chip).mean() < 0.5 * np.abs(reference() - chip).mean()
