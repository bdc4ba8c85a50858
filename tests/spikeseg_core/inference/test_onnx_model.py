"""What ONNX gives is what the network gives, pixel by pixel, at any size and scale."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import pytest

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.errors import ConfigError
from spikeseg_core.evaluation.segment import keras_segmenter
from spikeseg_core.inference.about import About
from spikeseg_core.inference.onnx_model import INPUT, onnx_model
from spikeseg_core.inference.segmenter import Segmenter
from spikeseg_core.network import Network, Weights, catalogue
from tests.spikeseg_core.loihi.networks import random_network, random_weights

ABOUT = About("a network", 0.4, 3, "sections of a test", pixel_nm=4.0)
TOLERANCE = 2e-5
"""Of a probability: both sum 32-bit products, in another order."""


def run(model: object, sections: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {INPUT: sections[:, None].astype(np.float32)})
    assert found.dtype == np.float32
    return found[:, 0]


def expected(network: Network, weights: Weights, sections: np.ndarray) -> np.ndarray:
    tiled = keras_segmenter(model_from_weights(network, weights))
    return Segmenter(network.tile, ABOUT.tiles_per_axis, tiled)(sections)


def random_case(seed: int) -> tuple[Network, Weights, np.random.Generator]:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    return network, random_weights(rng, network), rng


# In tiles: less than one, one, a few pixels more, between, and more than there are at least.
SIZES = {"small": 0.4, "one": 1.0, "a little more": 1.2, "some": 2.3, "many": 3.9}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", SIZES)
def test_random_networks_give_the_same_at_every_pixel(seed: int, size: str) -> None:
    network, weights, rng = random_case(seed)
    high = max(int(network.tile * SIZES[size]), 1)
    sections = rng.integers(0, 256, (2, high, high + seed), dtype=np.uint8)
    found = run(onnx_model(network, weights, ABOUT), sections)
    wanted = expected(network, weights, sections)
    assert wanted.max() - wanted.min() > 0.1
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["quick", "paper", "lean"])
def test_the_networks_of_the_presets_give_the_same_at_every_pixel(name: str) -> None:
    rng = np.random.default_rng(3)
    network = catalogue.network(name)
    weights = random_weights(rng, network)
    sections = rng.integers(0, 65536, (1, 201, 330), dtype=np.uint16)
    found = run(onnx_model(network, weights, ABOUT), sections)
    wanted = expected(network, weights, sections)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


def test_tiles_are_where_they_are_when_they_nearly_coincide() -> None:
    network, weights, rng = random_case(3)
    model = onnx_model(network, weights, ABOUT)
    for size in range(network.tile - 2, network.tile + 7):
        sections = rng.integers(0, 256, (1, size, 5), dtype=np.uint8)
        wanted = expected(network, weights, sections)
        np.testing.assert_allclose(run(model, sections), wanted, rtol=0, atol=TOLERANCE)


def test_the_scale_of_the_grey_values_does_not_matter() -> None:
    network, weights, rng = random_case(1)
    grey = rng.integers(0, 256, (1, network.tile, network.tile), dtype=np.uint8)
    model = onnx_model(network, weights, ABOUT)
    found = run(model, grey)
    for other in (grey / 255, grey * 257.0 + 3):
        np.testing.assert_allclose(run(model, other), found, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("grey", [0, 40_000, 0.3])
def test_a_blank_section_is_all_zero_to_the_network(grey: float) -> None:
    network, weights, _ = random_case(2)
    blank = np.full((1, network.tile, network.tile), grey)
    found = run(onnx_model(network, weights, ABOUT), blank)
    wanted = run(onnx_model(network, weights, ABOUT, standardized=True), np.zeros_like(blank))
    np.testing.assert_array_equal(found, wanted)


def test_it_says_what_it_is() -> None:
    network, weights, _ = random_case(0)
    found = {p.key: p.value for p in onnx_model(network, weights, ABOUT).metadata_props}
    assert found["classes"] == "membrane"
    assert found["threshold"] == "0.4"
    assert found["pixel_size_nm"] == "4"
    assert found["dataset"] == "sections of a test"
    assert (found["tile"], found["tiles_per_axis"]) == (str(network.tile), "3")
    assert found["weights_sha256"] == weights.sha256
    assert "any scale" in found["input"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    network, weights, _ = random_case(0)
    with pytest.raises(ConfigError, match=r'pip install "spikeseg\[onnx\]"'):
        onnx_model(network, weights, ABOUT)
