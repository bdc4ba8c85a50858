from __future__ import annotations

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import NamedPoint, Sweep, Value
from spikeseg_core.sweep.points import expand, in_order_of_running


def test_a_grid_is_every_combination_in_order() -> None:
    sweep = Sweep(
        grid={"train.learning_rate": (0.001, 0.002), "quantize.weight_bits": (4, 8)},
        fixed={"train.epochs": 2},
        seeds=(3, 5),
    )
    points = expand(sweep)
    assert [point.name for point in points] == [
        "train.learning_rate=0.001, quantize.weight_bits=4",
        "train.learning_rate=0.001, quantize.weight_bits=8",
        "train.learning_rate=0.002, quantize.weight_bits=4",
        "train.learning_rate=0.002, quantize.weight_bits=8",
    ]
    config = points[2].configs[5]
    assert config.train.learning_rate == 0.002
    assert (config.quantize.weight_bits, config.train.epochs) == (4, 2)
    assert (config.train.seed, config.tune.seed) == (5, 5)
    assert config.tune.epochs == preset("quick").tune.epochs


def test_every_fold_is_a_point_with_its_own_dataset() -> None:
    points = expand(Sweep(folds=3, seeds=(0, 1)))
    assert [point.name for point in points] == ["fold 0", "fold 1", "fold 2"]
    datasets = [point.configs[1].dataset for point in points]
    assert [(data.folds, data.fold) for data in datasets] == [(3, 0), (3, 1), (3, 2)]
    assert [(p.name, seed) for p, seed in in_order_of_running(points)][:3] == [
        *(("fold 0", 0), ("fold 0", 1), ("fold 1", 0))
    ]


def test_named_points_keep_their_names_and_a_seed_of_their_own() -> None:
    sweep = Sweep(points=(NamedPoint(name="own", settings={"tune.seed": 9}),), seeds=(1,))
    (point,) = expand(sweep)
    assert point.name == "own"
    assert (point.configs[1].train.seed, point.configs[1].tune.seed) == (1, 9)


def test_parts_of_the_network_are_its_name() -> None:
    sweep = Sweep(
        preset="lean",
        grid={"train.network.fine": (0.5, 1), "train.network.up": (2,)},
        fixed={"train.network.row": 1},
    )
    first, second = expand(sweep)
    assert first.name == "train.network.fine=0.5, train.network.up=2"
    assert first.configs[0].train.network == "lean(fine=0.5, row=1, up=2)"
    assert second.configs[0].train.network == "lean(fine=1, row=1, up=2)"
    (other,) = expand(
        Sweep(fixed={"train.network": "wide-12"}, grid={"train.network.coarse": (0.75,)})
    )
    assert other.configs[0].train.network == "wide-12(coarse=0.75)"


@pytest.mark.parametrize("value", ["wide", True, (1, 2)])
def test_a_part_of_the_network_is_a_number(value: Value) -> None:
    with pytest.raises(ConfigError, match="fine must be a number, not"):
        expand(Sweep(grid={"train.network.fine": (value,)}))


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("train.network.width", 2, "cannot be varied in 'width'"),
        ("train.epochs", 0, r"point 'train.epochs=0'.*train\.epochs"),
        ("train.epoch", 3, r"train\.epoch: "),
        ("tune.rate_min_hz", 500, "tune: "),
    ],
)
def test_a_wrong_setting_names_its_point(setting: str, value: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        expand(Sweep(grid={setting: (value,)}))


def test_workers_start_with_different_trainings() -> None:
    sweep = Sweep(
        grid={"train.learning_rate": (0.001, 0.002), "quantize.weight_bits": (4, 8)}, seeds=(0, 1)
    )
    jobs = in_order_of_running(expand(sweep))
    trainings = [(point.configs[s].train.learning_rate, s) for point, s in jobs]
    assert trainings == [(0.001, 0), (0.001, 1), (0.002, 0), (0.002, 1)] * 2


def test_more_runs_than_anybody_can_wait_for_are_refused_at_once() -> None:
    values = tuple(range(1, 401))
    grid = dict.fromkeys(("train.epochs", "tune.epochs", "train.batch_size"), values)
    with pytest.raises(ConfigError, match=r"64,000,000 runs .* at most 10,000"):
        expand(Sweep(grid=grid))
    with pytest.raises(ConfigError, match=r"400 points with 26 seeds"):
        expand(Sweep(grid={"train.epochs": values}, seeds=tuple(range(26))))
