from __future__ import annotations

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Goal, Picture, Range, Search, Sweep
from spikeseg_core.sweep.search import Study

PICTURE = Picture(
    x=Goal(metric="loihi/spikes/mean_rate_hz", goal="minimize"),
    y=Goal(metric="loihi/validation/v_rand"),
)
SWEEP = Sweep(
    search=Search(
        ranges={
            "tune.rate_weight": Range(low=0.01, high=1.0, log=True),
            "presentation.steps": Range(low=20, high=200),
            "quantize.mapping": Range(choices=("square", "optimized")),
        },
        trials=7,
        at_once=3,
    ),
    picture=PICTURE,
)


def proposals() -> list[str]:
    study, names = Study(SWEEP), []
    for points in study.rounds():
        names += [point.name for point in points]
        outcomes = []
        for point in points:
            config = point.configs[0]
            rate = float(config.presentation.steps)
            outcomes.append({PICTURE.x.metric: rate, PICTURE.y.metric: 1 / rate})
        study.tell([None, *outcomes[1:]])  # the first of every round failed
    return names


def test_points_lie_in_the_ranges_and_do_not_depend_on_luck() -> None:
    names = proposals()
    assert len(names) == 7
    assert names == proposals()


def test_a_grid_is_no_search() -> None:
    with pytest.raises(ConfigError, match="no search"):
        Study(Sweep(grid={"tune.epochs": (1,)}))
