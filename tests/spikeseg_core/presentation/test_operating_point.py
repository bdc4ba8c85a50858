from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import BenchmarkConfig, DatasetConfig, PresentationConfig
from spikeseg_core.data.dataset import Dataset, prepare_dataset
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import MappedNetwork
from spikeseg_core.loihi.run.emulated import run_fast
from spikeseg_core.presentation.operating_point import (
    MARKED,
    OperatingPoints,
    Point,
    choose,
    find_operating_point,
    on_front,
    points_of,
)
from spikeseg_core.reporting import SILENT
from tests.spikeseg_core.loihi.cost.networks import in_order, small_network

NETWORK = small_network(16, channels=(2, 4, 4, 4))
CONFIG = BenchmarkConfig(
    tiles_per_axis=(4, 5),
    presentation_steps=(10, 20, 30),
    readout_windows=(0.5, 0.8),
    settling=(0.5, 0.0),
)
PRESENTATION = PresentationConfig(steps=20)
CPU = {"validation/v_rand": 0.96, "validation/v_info": 0.97, "validation/pixel_accuracy": 0.92}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[MappedNetwork, Dataset]:
    dataset = prepare_dataset(
        DatasetConfig(
            source="synthetic",
            synthetic_size=128,
            train_sections=1,
            validation_sections=1,
            test_sections=1,
            tiles_per_axis=5,
        ),
        NETWORK.tile,
        Path(tmp_path_factory.mktemp("data")),
    )
    tiles = {layer.name: (8, 8, 4) for layer in NETWORK.chip_layers()}
    weights = weights_of(NETWORK, build_model(NETWORK))
    integer = extract_network(discretize(build_network(NETWORK, weights, tiles)).model)
    return MappedNetwork(NETWORK, weights, tiles, integer, in_order(NETWORK, tiles)), dataset


@pytest.fixture(scope="module")
def found(shown: tuple[MappedNetwork, Dataset]) -> OperatingPoints:
    return find_operating_point(*shown, PRESENTATION, CONFIG, as_good_as=CPU, report=SILENT)


def test_every_point_is_tried_and_one_is_chosen(found: OperatingPoints) -> None:
    table = found.table
    assert len(table) == 2 * (2 * 3 + 2 * 2) == len(points_of([5, 4], PRESENTATION, CONFIG))
    assert table.groupby("tiles").size().to_dict() == {25: 10, 16: 10}  # 5 is the dataset's own
    assert [table[mark].sum() for mark in MARKED] == [1, 1, 1, 1]
    assert found.row("start")["point"] == "5 x 5 tiles, 30 steps, last 50% read"
    assert (
        found.row("chosen")["validation/loihi_total_mj"]
        <= table.loc[table["start"], "validation/loihi_total_mj"].item()
    )
    assert found.metrics()["operating_point/energy_over_start"] <= 1
    assert set(found.to_json()["points"][0]) == set(table.columns)  # type: ignore[index]


def of_own_grid(found: OperatingPoints) -> pd.DataFrame:
    return found.table[found.table["tiles"] == 25]


def test_fewer_tiles_take_less_energy_in_proportion(found: OperatingPoints) -> None:
    both = found.table[(found.table["steps"] == 30) & (found.table["window"] == 0.5)]
    own, fewer = both[both["settling"].isna()].sort_values("tiles", ascending=False).iloc
    ratio = fewer["test/loihi_total_mj"] / own["test/loihi_total_mj"]
    assert ratio == pytest.approx(16 / 25, rel=0.1)  # not every tile takes as many spikes


def test_more_steps_take_more_energy(found: OperatingPoints) -> None:
    own = of_own_grid(found)
    fixed = own[(own["window"] == 0.5) & own["settling"].isna()]
    assert fixed["test/mean_steps"].tolist() == [10, 20, 30]
    assert fixed["test/loihi_total_mj"].is_monotonic_increasing


def test_a_tile_that_never_settles_runs_to_the_end(found: OperatingPoints) -> None:
    own = of_own_grid(found)
    never, always = (own[own["settling"] == t] for t in (0.0, 0.5))
    assert (never["test/mean_steps"] == 30).all()
    assert (always["test/mean_steps"] == 20).all()  # the second checkpoint is the first to compare
    whole = own[(own["steps"] == 30) & own["settling"].isna()]
    for name in ("test/loihi_total_mj", "validation/pixel_accuracy"):
        np.testing.assert_allclose(never[name], whole[name])


def test_a_shorter_presentation_is_the_start_of_the_longest(
    shown: tuple[MappedNetwork, Dataset], found: OperatingPoints
) -> None:
    mapped, dataset = shown
    tiles = dataset.grid.cut(dataset.split("test")[0])
    alone = run_fast(mapped, tiles, PresentationConfig(steps=30))
    np.testing.assert_array_equal(alone.logits, found.shown["start"].logits)
    assert alone.events is not None
    start = found.shown["start"].events
    assert alone.events.until(30).per_presentation() == start.per_presentation()


def test_the_read_out_covers_the_last_share_of_the_steps() -> None:
    assert Point(4, 0.7, 100).read_out(50) == (15, 50)


def test_the_front_is_of_points_that_nothing_beats() -> None:
    energy, score = pd.Series([1.0, 2, 3, 3]), pd.Series([0.8, 0.9, 0.85, 0.95])
    assert on_front(energy, score).tolist() == [True, True, False, True]


def points(v_rand: list[float], accuracy: list[float], **changes: object) -> pd.DataFrame:
    """Points of one kind, the longest first."""
    steps = [200, 150, 100, 50, 40][: len(v_rand)]
    return pd.DataFrame(
        {
            "tiles": 16,
            "window": 0.5,
            "steps": steps,
            "settling": np.nan,
            "validation/v_rand": v_rand,
            "validation/v_info": 0.97,
            "validation/pixel_accuracy": accuracy,
            "validation/loihi_total_mj": [float(n) for n in steps],
            "test/v_rand": 0.1,  # never looked at
            **changes,
        }
    )


def test_the_cheapest_point_that_is_good_enough_on_validation_is_chosen() -> None:
    table = points([0.970, 0.956, 0.958, 0.96], [0.930, 0.920, 0.915, 0.90])
    assert choose(table, CPU) == 1
    assert choose(table, {"validation/v_rand": 0.9, "validation/pixel_accuracy": 0.9}) == 3
    assert choose(table, {"validation/v_rand": 0.97, "validation/pixel_accuracy": 0.93}) == 0


def test_a_point_that_has_lost_v_info_is_not_chosen_for_its_lucky_v_rand() -> None:
    table = points([0.97] * 4, [0.93] * 4, **{"validation/v_info": [0.97, 0.966, 0.964, 0.96]})
    assert choose(table, CPU) == 1


def test_equal_accuracy_looks_at_pixel_accuracy_alone() -> None:
    table = points([0.970, 0.956, 0.60, 0.96], [0.930, 0.920, 0.918, 0.90])
    assert choose(table, CPU) == 1
    assert choose(table, {"validation/pixel_accuracy": CPU["validation/pixel_accuracy"]}) == 2


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ({}, 1),
        ({"steps": 200, "settling": [0.01, 0.02, 0.03, 0.04]}, 1),
        ({"tiles": [16, 16, 16, 9]}, 3),  # the point that is bad says nothing of other tiles,
        ({"window": [0.5, 0.5, 0.5, 0.7]}, 3),  # nor of other windows,
        ({"settling": [np.nan, np.nan, np.nan, 0.1]}, 3),  # nor of tiles that stop by themselves
    ],
)
def test_a_lucky_point_is_not_chosen(kind: dict[str, object], chosen: int) -> None:
    table = points([0.97, 0.96, 0.93, 0.97], [0.92] * 4, **kind)
    assert choose(table, CPU) == chosen


def test_where_even_the_start_is_not_as_good_as_wanted_the_start_is_the_measure(
    shown: tuple[MappedNetwork, Dataset],
) -> None:
    perfect = dict.fromkeys(CPU, 1.0)
    found = find_operating_point(*shown, PRESENTATION, CONFIG, as_good_as=perfect, report=SILENT)
    assert found.row("chosen")["point"] == found.row("as_good_as_start")["point"]
    hopeless = dict.fromkeys(CPU, 0.0)
    found = find_operating_point(*shown, PRESENTATION, CONFIG, as_good_as=hopeless, report=SILENT)
    least = found.table["validation/loihi_total_mj"].min()
    assert found.row("chosen")["validation/loihi_total_mj"] == least
