from pathlib import Path

import numpy as np
from scipy.special import expit

from spikeseg_core.ann.unet import build_model
from spikeseg_core.evaluation.segment import keras_segmenter, segment_and_score, segment_sections
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset


def test_a_perfect_segmenter_scores_one(tmp_path: Path) -> None:
    dataset = tiny_dataset(size=64)
    truth = iter([dataset.grid.cut(dataset.split(s)[1]) for s in ("validation", "test")])
    found = segment_and_score("ann", lambda _: 20.0 * next(truth) - 10.0, dataset, tmp_path)
    for name in ("pixel_accuracy", "membrane_iou", "v_rand", "v_info"):
        assert found.metrics[f"test/{name}"] > 0.999
    assert found.figure.exists()


def test_constant_logits_give_their_probability_everywhere() -> None:
    dataset = tiny_dataset()
    found = segment_sections(lambda tiles: np.full_like(tiles, 1.5), dataset, "test")
    np.testing.assert_allclose(found, expit(1.5), rtol=1e-6)
    assert found.shape == (1, *dataset.section_shape)


def test_kept_probabilities_are_those_of_the_model(tmp_path: Path) -> None:
    dataset, model = tiny_dataset(), build_model(TINY)
    found = segment_and_score("ann", keras_segmenter(model), dataset, tmp_path)
    again = segment_sections(keras_segmenter(model, batch_tiles=5), dataset, "test")
    kept = load_arrays(tmp_path / "probability_ann.npz")["test"]
    np.testing.assert_allclose(again, found.probability["test"], atol=1e-6)
    np.testing.assert_array_equal(kept, found.probability["test"].astype(np.float16))
