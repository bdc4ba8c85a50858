from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.errors import DataError
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.loihi.run import emulated
from spikeseg_core.network.depth import depth
from spikeseg_core.presentation.search import (
    Point,
    Search,
    _long_enough,
    cross_entropy,
    points_of,
)
from spikeseg_core.reporting import SILENT, Silent
from tests.spikeseg_core.presentation.searched import CONFIG, NETWORK, PRESENTATION, Searched


def test_every_point_is_tried(small_search: Searched) -> None:
    table = small_search.search.table
    assert len(table) == 2 * (2 * 3 + 2 * 2) + 4 == len(points_of([5, 4], PRESENTATION, CONFIG))
    assert table.groupby("tiles").size().to_dict() == {25: 10, 16: 14}  # 5 is the dataset's own
    (start,) = table[table["start"]].to_dict("records")
    assert start["point"] == "5 x 5 tiles, 30 steps, last 50% read"


def test_a_tile_that_never_exits_early_runs_to_the_end(small_search: Searched) -> None:
    own = small_search.search.table[small_search.search.table["tiles"] == 25]
    never, always = (own[own["early_exit"] == t] for t in (0.0, 0.5))
    assert (never["test/mean_steps"] == 30).all()
    assert (always["test/mean_steps"] == 20).all()  # the second checkpoint is the first to compare
    whole = own[(own["steps"] == 30) & own["early_exit"].isna()]
    np.testing.assert_allclose(
        never["validation/pixel_accuracy"], whole["validation/pixel_accuracy"]
    )


@pytest.mark.parametrize("steps", [20, 30])
def test_a_shorter_presentation_is_the_start_of_the_longest(
    small_search: Searched, steps: int
) -> None:
    tiles = small_search.dataset.grid.cut(small_search.dataset.split("test")[0])
    alone = emulated.run(small_search.mapped, tiles, PresentationConfig(steps=steps))
    assert alone.events is not None
    table = small_search.search.table
    own = (table["tiles"] == 25) & table["early_exit"].isna() & (table["window"] == 0.5)
    own &= ~table["continuous"]
    (row,) = np.flatnonzero(own & (table["steps"] == steps))
    events = small_search.search.events_of(row, "test")
    assert alone.events.until(steps).per_presentation() == events.per_presentation()
    if steps == PRESENTATION.steps:
        deployed = small_search.deployed["test"]
        np.testing.assert_array_equal(alone.logits, deployed.logits)
        np.testing.assert_array_equal(alone.counts, deployed.counts)
        for name, rates in alone.rates.items():
            np.testing.assert_array_equal(rates, deployed.rates[name])


def test_the_deployed_presentation_has_the_scores_of_the_deployment(small_search: Searched) -> None:
    table, dataset = small_search.search.table, small_search.dataset
    own = (table["tiles"] == 25) & table["early_exit"].isna() & (table["window"] == 0.5)
    own &= ~table["continuous"]
    (row,) = table[own & (table["steps"] == 20)].to_dict("records")
    probability = dataset.grid.stitch(1 / (1 + np.exp(-small_search.deployed["test"].logits)))
    scores = evaluate({"test": (probability, dataset.split("test")[1])})
    for name in ("test/v_rand", "test/pixel_accuracy"):
        assert row[name] == pytest.approx(scores[name], abs=1e-6)


def test_tiles_without_resets_cost_one_a_section_and_the_way_through_the_network(
    small_search: Searched,
) -> None:
    table, late = small_search.search.table, depth(NETWORK)
    rows = table[table["continuous"]]
    assert rows["steps"].tolist() == [12, 12, 20, 20]
    for row, steps in rows["steps"].items():
        assert table["test/mean_steps"][row] == pytest.approx(steps + late / 16)
        assert "without resets" in table["point"][row]
        events = small_search.search.events_of(int(row), "test")
        assert (events.presentations, events.reset) == (16, 1 / 16)
        assert events.steps == pytest.approx(steps + late / 16)
    for row in table.index[~table["continuous"]]:
        assert small_search.search.events_of(int(row), "test").reset == 1


def test_presentations_that_are_too_short_to_follow_each_other_are_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    reporter = Silent()
    monkeypatch.setattr(reporter, "say", said.append)
    config = DeployConfig(continuous_steps=(11, 12, 40))
    assert _long_enough(config, 11, reporter).continuous_steps == (12, 40)
    assert "above 11 steps" in said[0]
    assert _long_enough(config, 10, SILENT) == config


def test_the_sections_are_scored_at_the_thresholds_of_validation(small_search: Searched) -> None:
    table, sections = small_search.search.table, small_search.search.sections
    assert len(sections) == 2 * len(table)
    for split in ("validation", "test"):
        found = sections[sections["split"] == split].sort_values("row")
        assert found["row"].tolist() == list(range(len(table)))
        assert set(found["section"]) == set(small_search.dataset.splits[split])
        best = table[f"{split}/v_rand"].to_numpy()
        if split == "validation":
            np.testing.assert_array_equal(found["v_rand"], best)
            chosen = found["v_rand_threshold"].to_numpy()
        else:
            assert (found["v_rand"].to_numpy() <= best).all()
            np.testing.assert_array_equal(found["v_rand_threshold"], chosen)


def test_what_is_saved_is_loaded(small_search: Searched, tmp_path: Path) -> None:
    paths = tmp_path / "a.parquet", tmp_path / "a.npz", tmp_path / "sections.parquet"
    assert small_search.search.save(*paths) == paths[0]
    again = Search.load(*paths)
    pd.testing.assert_frame_equal(again.table, small_search.search.table)
    pd.testing.assert_frame_equal(again.sections, small_search.search.sections)
    for row in (0, len(again.table) - 1):
        for split in ("validation", "test"):
            expected = small_search.search.events_of(row, split)
            assert again.events_of(row, split).per_presentation() == expected.per_presentation()
    for name in ("continuous", "emulation"):  # as before there was continuous presentation
        again.table.pop(name)
    again.table.to_parquet(paths[0])
    assert not Search.load(*paths).table["continuous"].any()
    paths[0].unlink()
    with pytest.raises(DataError, match="run the deploy stage"):
        Search.load(*paths)


def test_the_read_out_covers_the_last_share_of_the_steps() -> None:
    assert Point(4, 0.7, 100).read_out(50) == (15, 50)


def test_there_is_no_early_exit_with_a_single_time() -> None:
    config = CONFIG.model_copy(update={"presentation_steps": ()})
    assert {point.early_exit for point in points_of([4], PRESENTATION, config)} == {None}


def test_a_pixel_that_is_wrong_for_sure_does_not_cost_infinitely_much() -> None:
    labels = np.array([[[1, 0]]])
    assert cross_entropy(np.array([[[0.5, 0.5]]]), labels) == pytest.approx(np.log(2))
    assert cross_entropy(np.array([[[0.0, 0.0]]]), labels) == pytest.approx(-np.log(1e-6) / 2)
