import numpy as np
import pandas as pd
import pytest

from spikeseg_core.evaluation.claims import claims, equal_accuracy
from tests.spikeseg_core.energy.test_comparison import (
    compare,
    cpu_figures,
    deployed,
    whole_sections,
)
from tests.spikeseg_core.loihi.cost.networks import small_network


def scores(change: float = 0.0, sections: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(0.9, 0.95, sections) for name in ("pixel_accuracy", "v_rand")}
    values["v_info"] = rng.uniform(0.9, 0.95, sections) + change
    frame = pd.DataFrame({"section": range(sections), "split": "test"} | values)
    other = frame.assign(split="validation", v_info=0.0)
    return pd.concat([other, frame], ignore_index=True)


def test_accuracy_is_equal_if_no_section_wise_loss_can_be_beyond_its_margin() -> None:
    same = equal_accuracy(scores(), scores())
    assert same is not None
    assert same["equal"]
    assert same["sections"] == 5
    assert same["v_info"] == {"mean": 0, "low": 0, "high": 0, "margin": 0.005}
    worse = equal_accuracy(scores(-0.006), scores())
    assert worse is not None
    assert not worse["equal"]
    assert worse["v_info"]["mean"] == pytest.approx(-0.006)
    assert equal_accuracy(scores(0.1), scores())["equal"]  # type: ignore[index]


def test_without_scores_or_with_one_section_nothing_is_said() -> None:
    assert equal_accuracy(None, scores()) is None
    assert equal_accuracy(scores(sections=1), scores(sections=1)) is None


def test_every_accounting_of_every_int8_run_is_a_claim() -> None:
    found = compare(small_network(), deployed(), [*cpu_figures(), *whole_sections()])
    rows = claims(found, {"deployed": scores()}, {"cpu": scores()}, "net")
    by_tiles = [row for row in rows if row["baseline_feed"] == "tiles"]
    table = found.by_accounting
    assert len(by_tiles) == (table["baseline"] == "CPU, int8").sum() > 0
    assert {(r["presentation"], r["host"], r["idle"]) for r in by_tiles} == {
        tuple(key) for key in table[["presentation", "host", "idle"]].to_numpy().tolist()
    }
    for row in rows:
        assert row["ratio"] == row["baseline_mj"] / row["loihi_mj"]
        assert row["basis"] == "modelled"
        known = row["presentation"] == "deployed" and row["baseline_feed"] == "tiles"
        assert (row["equal_accuracy"] is not None) == known
