import numpy as np
import pytest
from scipy.special import expit

from spikeseg_core.ann.unet import build_model
from spikeseg_core.evaluation.scorer import SECTION_SCORES, Thresholds
from spikeseg_core.evaluation.segment import (
    SCORED_SPLITS,
    keras_segmenter,
    scored,
    segment_and_score,
    segment_sections,
)
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


def test_sections_are_scored_at_the_thresholds_of_validation() -> None:
    """Faint on validation, strong on test: what validation says is far from the best on test."""
    dataset = tiny_dataset(size=64)
    truth = {split: dataset.split(split)[1] for split in SCORED_SPLITS}
    probability = {
        "validation": np.where(truth["validation"] == 1, 0.35, 0.05).astype(np.float32),
        "test": np.where(truth["test"] == 1, 0.95, 0.55).astype(np.float32),
    }
    found = scored(probability, dataset)
    assert found.thresholds == Thresholds(0.1, 0.1, 0.1)
    assert found.metrics["test/v_rand"] > 0.999
    assert found.metrics["test/v_rand_carried"] < 0.1  # all membrane at 0.1
    assert found.metrics["test/pixel_accuracy_carried"] == truth["test"].mean()
    assert found.metrics["validation/pixel_accuracy_carried"] == 1.0
    rows = found.sections
    assert rows["split"].tolist() == ["validation", "test"]
    assert rows["section"].tolist() == [int(dataset.splits[s][0]) for s in SCORED_SPLITS]
    for name in SECTION_SCORES:
        assert rows[name].iloc[1] == found.metrics[f"test/{name}_carried"]
    given = scored({"test": probability["test"]}, dataset, Thresholds(0.6, 0.6, 0.6))
    assert given.sections[list(SECTION_SCORES)].iloc[0].tolist() == pytest.approx([1.0] * 4)
    assert given.sections["mask_threshold"].tolist() == [0.6]
