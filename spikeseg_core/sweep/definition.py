"""What a sweep varies, how far each point runs, and which results are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from spikeseg_core.config import StageConfig, presets
from spikeseg_core.data.splits import FEWEST_FOLDS
from spikeseg_core.errors import ConfigError

StageName = Literal["train", "tune", "convert", "quantize", "partition", "deploy", "benchmark"]
"""Stages that a sweep can stop after."""

FOLDS, FOLD = "dataset.folds", "dataset.fold"
"""Settings that a cross-validation varies."""

MOST_FOLDS = 10_000

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]
"""A value of a setting; a tuple for a list."""


class Goal(StageConfig):
    """A metric, and which way is better."""

    metric: str = Field(
        title="Metric",
        description="name of the stage or segmentation, slash, metric: loihi/validation/v_rand, "
        "benchmark/energy/loihi_total_mj, quantize/mapping/cores; estimate/loihi_total_mj is known "
        "before training",
    )
    goal: Literal["maximize", "minimize"] = Field(
        "maximize", title="Direction", description="which direction is better"
    )

    @model_validator(mode="after")
    def _never_the_test_split(self) -> Goal:
        if "test/" in self.metric:
            raise ValueError(
                f"{self.metric!r} belongs to the test split, which must not decide anything; "
                f"name the validation metric ({self.metric.replace('test/', 'validation/')!r}), "
                f"put the test metric into 'metrics'"
            )
        return self


class Choice(StageConfig):
    """Which point is chosen: the best, or the cheapest of those nearly as good."""

    best: Goal = Field(
        Goal(metric="loihi/validation/v_rand"), title="First", description="primary criterion"
    )
    within: float = Field(
        0.0,
        ge=0,
        title="As good as the best",
        description="points this close to the best count as good",
    )
    then: Goal | None = Field(
        None, title="Then", description="criterion that decides among the good points"
    )


class Picture(StageConfig):
    """Axes of the Pareto picture."""

    x: Goal = Goal(metric="benchmark/energy/loihi_total_mj", goal="minimize")
    y: Goal = Goal(metric="loihi/validation/v_rand")


class NamedPoint(StageConfig):
    """A point that is not part of a grid."""

    name: str = Field(min_length=1, title="Name", description="name in the table")
    settings: dict[str, Value] = Field(
        default_factory=dict,
        title="Settings",
        description="setting (such as tune.percentile) to value",
    )


class Range(StageConfig):
    """Values that a search may try: between two numbers, or from a list."""

    low: int | float | None = Field(
        None, title="Lowest", description="lowest value; integers if both ends are integers"
    )
    high: int | float | None = Field(None, title="Highest", description="highest value")
    log: bool = Field(False, title="Logarithmic", description="sample on a logarithmic scale")
    choices: tuple[Scalar, ...] = Field(
        (), title="Choices", description="values to choose from, instead of a range"
    )

    @model_validator(mode="after")
    def _is_a_range_or_a_choice(self) -> Range:
        ends = self.low is not None and self.high is not None
        if ends == bool(self.choices):
            raise ValueError("a range needs either low and high, or choices")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and self.low is not None and self.low <= 0:
            raise ValueError(f"log needs low above 0, not {self.low}")
        return self


class Search(StageConfig):
    """A search by Optuna; it optimizes both axes of the picture."""

    ranges: dict[str, Range] = Field(
        min_length=1, title="Ranges", description="setting to its possible values"
    )
    trials: int = Field(20, ge=1, le=1000, title="Trials", description="number of points to try")
    at_once: int = Field(
        4,
        ge=1,
        title="Points per round",
        description="points proposed before the next results are used; independent of the "
        "number of workers, so that the points do not depend on it",
    )
    seed: int = Field(0, ge=0, title="Seed", description="seed of the search")


class Sweep(StageConfig):
    """The same pipeline with different settings."""

    title: str = Field("A sweep", min_length=1, title="Title", description="name of the sweep")
    question: str = Field("", title="Question", description="question that the sweep answers")
    preset: str = Field("quick", title="Preset", description="preset that all points start from")
    fixed: dict[str, Value] = Field(
        default_factory=dict,
        title="Settings of all points",
        description="settings shared by all points, such as train.epochs: 25",
    )
    grid: dict[str, tuple[Value, ...]] = Field(
        default_factory=dict,
        title="Grid",
        description="setting to its values; every combination is a point",
    )
    points: tuple[NamedPoint, ...] = Field((), title="Points", description="individual points")
    folds: int | None = Field(
        None,
        ge=FEWEST_FOLDS,
        le=MOST_FOLDS,
        title="Folds",
        description="a cross-validation: every fold is a point, and every section of the source "
        "is tested once",
    )
    search: Search | None = Field(None, title="Search", description="points proposed by Optuna")
    seeds: tuple[int, ...] = Field(
        (0,),
        min_length=1,
        title="Seeds",
        description="each point runs once per seed (train and tune)",
    )
    until: StageName = Field("deploy", title="Last stage", description="last stage to run")
    metrics: tuple[str, ...] = Field(
        ("loihi/validation/v_rand", "loihi/test/v_rand", "loihi/test/pixel_accuracy"),
        title="Columns of the table",
        description="columns of the table, named as in a goal; test metrics are allowed here",
    )
    picture: Picture | None = Field(
        None, title="Pareto picture", description="axes of the Pareto picture"
    )
    choice: Choice | None = Field(
        None, title="Choice", description="which point is chosen, on validation"
    )

    @model_validator(mode="after")
    def _has_points(self) -> Sweep:
        given = [
            bool(self.grid),
            bool(self.points),
            self.search is not None,
            self.folds is not None,
        ]
        if sum(given) != 1:
            raise ValueError("a sweep needs a grid, points, a search or folds: exactly one of them")
        if empty := [name for name, values in self.grid.items() if not values]:
            raise ValueError(f"the grid has no values for {', '.join(empty)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds} are not all different")
        names = [point.name for point in self.points]
        if len(set(names)) < len(names):
            raise ValueError(f"two points have the same name: {', '.join(sorted(names))}")
        if self.search is not None and self.picture is None:
            raise ValueError("a search optimizes the axes of the picture; give it a picture")
        return self

    def read_metrics(self) -> tuple[str, ...]:
        """Return all metrics of the table, including those of picture and choice, also on test."""
        goals: list[Goal] = []
        if self.picture is not None:
            goals += [self.picture.y, self.picture.x]
        if self.choice is not None:
            goals += [goal for goal in (self.choice.best, self.choice.then) if goal is not None]
        aims = [goal.metric for goal in goals]
        on_test = [name.replace("validation/", "test/") for name in aims]
        return tuple(dict.fromkeys([*self.metrics, *aims, *on_test]))

    def changed(
        self, settings: Mapping[str, Value], seeds: Sequence[int] = (), preset: str | None = None
    ) -> Sweep:
        """Return the sweep with other settings for all its points; other seeds, preset if given.

        ``dataset.folds`` changes the number of folds of a cross-validation.

        Raises
        ------
        ConfigError
            If the sweep varies one of the settings, there cannot be so many folds, or there is no
            such preset.
        """
        preset = presets.preset(preset).preset if preset is not None else self.preset
        settings, folds = dict(settings), self.folds
        if folds is not None:
            folds = _folds(settings.pop(FOLDS, folds))
        varied = {*self.grid, *(name for each in self.points for name in each.settings)}
        varied |= set(self.search.ranges) if self.search is not None else set()
        varied |= {FOLD} if folds is not None else set()
        if both := varied & set(settings):
            raise ConfigError(
                f"sweep {self.title!r} varies {', '.join(sorted(both))}; they cannot be "
                f"fixed for all its points"
            )
        return self.model_copy(
            update={
                "fixed": {**self.fixed, **settings},
                "seeds": tuple(seeds) or self.seeds,
                "folds": folds,
                "preset": preset,
            }
        )


def _folds(value: Value) -> int:
    if not isinstance(value, int) or not FEWEST_FOLDS <= value <= MOST_FOLDS:
        raise ConfigError(
            f"{FOLDS} of a cross-validation is a number from {FEWEST_FOLDS} (to train, validate "
            f"and test on) to {MOST_FOLDS}, not {value!r}"
        )
    return value
