"""Points proposed by Optuna, in rounds, independent of the number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import optuna

from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Range, Sweep, Value
from spikeseg_core.sweep.points import Point, point


class Study:
    """A search over a sweep's ranges, towards both axes of its picture.

    Raises
    ------
    ConfigError
        If the sweep is not a search.
    """

    def __init__(self, sweep: Sweep) -> None:
        if sweep.search is None or sweep.picture is None:
            raise ConfigError(f"sweep {sweep.title!r} has no search, or no picture to optimize")
        self.sweep = sweep
        self.search = sweep.search
        self.goals = (sweep.picture.y, sweep.picture.x)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            directions=[goal.goal for goal in self.goals],
            sampler=optuna.samplers.TPESampler(seed=self.search.seed),
        )
        self._asked: list[optuna.trial.Trial] = []

    def rounds(self) -> Iterator[list[Point]]:
        """Yield the points to try next; :meth:`tell` has to be called before the next round."""
        for start in range(0, self.search.trials, self.search.at_once):
            count = min(self.search.at_once, self.search.trials - start)
            self._asked = [self._study.ask() for _ in range(count)]
            yield [point(self.sweep, self._settings(trial)) for trial in self._asked]

    def tell(self, outcomes: Sequence[Mapping[str, float] | None]) -> None:
        """Report the metrics of each point of the last round, in order; None for a failed one."""
        for trial, metrics in zip(self._asked, outcomes, strict=True):
            values = [(metrics or {}).get(goal.metric, np.nan) for goal in self.goals]
            if np.isfinite(values).all():
                self._study.tell(trial, values)
            else:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _settings(self, trial: optuna.trial.Trial) -> dict[str, Value]:
        return {name: _suggest(trial, name, each) for name, each in self.search.ranges.items()}


def _suggest(trial: optuna.trial.Trial, name: str, values: Range) -> Value:
    if values.low is None or values.high is None:
        return cast(Value, trial.suggest_categorical(name, values.choices))
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)
