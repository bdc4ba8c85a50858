import numpy as np
from scipy.special import expit

from spikeseg_core.ann.unet import build_model
from spikeseg_core.evaluation.segment import keras_segmenter, segment_and_score, segment_sections
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset


def test_a_perfect_segmenter_scores_one() -> None:
    dataset = tiny_dataset(size=64)
    truth = iter([dataset.grid.cut(dataset.split(s)[1]) for s in ("validation", "test")])
    found = segment_and_score(lambda _: 20.0 * next(truth) - 10.0, dataset)
    for name in ("pixel_accuracy", "membrane_iou", "v_rand", "v_info"):
        assert found.metrics[f"test/{name}"] > 0.999


def test_constant_logits_give_their_probability_everywhere() -> None:
    dataset = tiny_dataset()
    found = segment_sections(lambda tiles: np.full_like(tiles, 1.5), dataset, "test")
    np.testing.assert_allclose(found, expit(1.5), rtol=1e-6)
    assert found.shape == (1, *dataset.section_shape)


def test_probabilities_do_not_depend_on_the_batch() -> None:
    dataset, model = tiny_dataset(), build_model(TINY)
    found = segment_and_score(keras_segmenter(model), dataset)
    again = segment_sections(keras_segmenter(model, batch_tiles=5), dataset, "test")
    np.testing.assert_allclose(again, found.probability["test"], atol=1e-6)
