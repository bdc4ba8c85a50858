"""The score table of a stage."""

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.evaluation.scorer import Scorer, evaluate

NAMES = {
    "pixel_accuracy",
    "membrane_iou",
    "dice",
    "v_rand",
    "v_info",
    "v_rand_threshold",
    "v_rand_at_validation_threshold",
    "v_info_at_validation_threshold",
    "pixel_accuracy_at_validation_threshold",
    "membrane_iou_at_validation_threshold",
}


@pytest.fixture
def grid() -> np.ndarray:
    labels = np.zeros((2, 40, 40), dtype=np.uint8)
    labels[:, ::10] = labels[:, :, ::10] = 1
    return labels


def test_names_and_perfect_scores(grid):
    probability = grid.astype(np.float32)
    scores = evaluate({"validation": (probability, grid), "test": (probability, grid)})
    assert set(scores) == {f"{split}/{name}" for split in ("validation", "test") for name in NAMES}
    assert all(type(value) is float for value in scores.values())
    thresholds = {name for name in scores if name.endswith("v_rand_threshold")}
    assert all(scores[name] == pytest.approx(1.0) for name in set(scores) - thresholds)


def test_the_users_scores_use_the_threshold_of_validation_only(grid):
    faint = np.where(grid == 1, 0.35, 0.05).astype(np.float32)
    strong = np.where(grid == 1, 0.95, 0.55).astype(np.float32)
    scores = evaluate({"validation": (faint, grid), "test": (strong, grid)})
    assert scores["validation/v_rand_threshold"] == 0.1
    assert scores["test/v_rand_threshold"] == 0.6
    assert scores["test/v_rand"] == pytest.approx(1.0)
    assert scores["test/v_rand_at_validation_threshold"] < 0.1  # all membrane at 0.1
    given = evaluate({"test": (strong, grid)}, validation_threshold=0.6)
    assert given["test/v_rand_at_validation_threshold"] == pytest.approx(1.0)


def test_without_validation_the_users_scores_are_left_out(grid):
    scores = evaluate({"test": (grid.astype(np.float32), grid)})
    assert not any("at_validation_threshold" in name for name in scores)


def test_bad_input_is_named(grid):
    broken = grid.astype(np.float32)
    broken[0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"'test': 1 probabilities are not finite"):
        evaluate({"test": (broken, grid)})
    with pytest.raises(DataError, match=r"\(2, 40, 39\)"):
        evaluate({"test": (broken[:, :, 1:], grid)})


def test_a_scorer_scores_any_number_of_segmentations_of_its_sections(grid):
    scorer = Scorer(grid, "test")
    faint = np.where(grid == 1, 0.35, 0.05).astype(np.float32)
    for probability in (faint, grid.astype(np.float32)):
        expected = evaluate({"test": (probability, grid)}, validation_threshold=0.3)
        assert evaluate({"test": (probability, scorer)}, 0.3) == expected
        plain = scorer.scores(probability)
        assert plain == {name: expected[f"test/{name}"] for name in plain}
        assert len(plain) == 6


def test_scores_of_single_sections_average_to_those_of_the_stack(grid):
    rng = np.random.default_rng(0)
    probability = np.clip(0.6 * grid + rng.normal(0.2, 0.1, grid.shape), 0, 1)
    scorer = Scorer(grid)
    curve = scorer.curve(probability)
    best = scorer.thresholds(probability, curve)
    scores = scorer.scores(probability, curve=curve)
    found = scorer.by_section(probability, curve, best)
    assert all(values.shape == (2,) for values in found.values())
    assert found["v_rand"].mean() == pytest.approx(scores["v_rand"])
    assert found["v_info"].mean() == pytest.approx(scores["v_info"])
    half = scorer.by_section(probability, curve, best._replace(mask=0.5))
    assert half["pixel_accuracy"].mean() == pytest.approx(scores["pixel_accuracy"])
    assert found["pixel_accuracy"].mean() >= half["pixel_accuracy"].mean()
