from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Goal, Range, Sweep

GRID = {"tune.percentile": (90.0, 99.0)}
PICTURE = {
    "x": {"metric": "benchmark/energy/loihi_total_mj", "goal": "minimize"},
    "y": {"metric": "loihi/validation/v_rand"},
}


def test_nothing_is_chosen_by_the_test_split() -> None:
    with pytest.raises(ValidationError, match="name the validation metric"):
        Goal(metric="loihi/test/v_rand")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "exactly one of them"),
        ({"grid": GRID, "points": [{"name": "a"}]}, "exactly one of them"),
        ({"grid": {"tune.percentile": ()}}, "no values for tune.percentile"),
        ({"grid": GRID, "seeds": (1, 1)}, "not all different"),
        ({"points": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"search": {"ranges": {"tune.percentile": {"low": 1, "high": 2}}}}, "give it a picture"),
        ({"grid": GRID, "colour": "red"}, "colour"),
    ],
)
def test_invalid_sweeps_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Sweep.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong", [{}, {"low": 1}, {"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}]
)
def test_invalid_ranges_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Range.model_validate(wrong)


def test_test_metrics_are_reported_beside_those_that_decide() -> None:
    sweep = Sweep.model_validate({"grid": GRID, "metrics": ["ann/test/dice"], "picture": PICTURE})
    assert sweep.read_metrics() == (
        "ann/test/dice",
        "loihi/validation/v_rand",
        "benchmark/energy/loihi_total_mj",
        "loihi/test/v_rand",
    )


def test_settings_for_all_points_may_not_be_what_is_varied() -> None:
    sweep = Sweep(grid=GRID, fixed={"train.epochs": 3})
    other = sweep.changed({"train.epochs": 4}, [7])
    assert (other.fixed, other.seeds) == ({"train.epochs": 4}, (7,))
    assert sweep.changed({}).seeds == (0,)
    with pytest.raises(ConfigError, match=r"varies tune\.percentile"):
        sweep.changed({"tune.percentile": 50})


def test_a_cross_validation_has_as_many_folds_as_asked_for() -> None:
    sweep = Sweep(folds=6)
    other = sweep.changed({"dataset.folds": 4, "train.epochs": 2}, preset="paper")
    assert (other.folds, other.fixed, other.preset) == (4, {"train.epochs": 2}, "paper")
    assert sweep.changed({}) == sweep
    for wrong in (2, 3.5, True, "six", 10_001):
        with pytest.raises(ConfigError, match=r"dataset\.folds of a cross-validation is a number"):
            sweep.changed({"dataset.folds": wrong})
    with pytest.raises(ConfigError, match=r"varies dataset\.fold"):
        sweep.changed({"dataset.fold": 1})
    with pytest.raises(ConfigError, match="unknown preset 'tiny'"):
        sweep.changed({}, preset="tiny")
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        Sweep(folds=2)
