from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from spikeseg_core.sweep.claims import KEY, against, over_folds


def claim(loihi: float, cpu: float, **about: Any) -> dict[str, Any]:
    named = dict.fromkeys(KEY, "x") | {"host": False} | about
    energies = {"loihi_mj": loihi, "baseline_mj": cpu, "ratio": cpu / loihi}
    return named | energies | {"busy": False, "scores": ["loihi", "cpu_int8"]}


def scores(change: float) -> dict[str, pd.DataFrame]:
    table = pd.DataFrame(0.9, index=range(6), columns=["pixel_accuracy", "v_rand", "v_info"])
    return {"loihi": table + change, "cpu_int8": table}


def test_energies_are_means_over_folds_and_accuracy_is_over_all_sections() -> None:
    (found,) = over_folds([[claim(10, 20)], [claim(30, 40)]], scores(0.01))
    assert (found["loihi_mj"], found["baseline_mj"], found["ratio"]) == (20, 30, 1.5)
    assert found["ratio_low"] == pytest.approx(4 / 3)
    assert (found["ratio_high"], found["runs"], found["busy"]) == (2, 2, False)
    assert found["equal_accuracy"]["equal"]
    assert found["equal_accuracy"]["sections"] == 6
    (worse,) = over_folds([[claim(10, 20)]], scores(-0.02))
    assert not worse["equal_accuracy"]["equal"]


def test_what_differs_is_not_mixed_and_what_a_fold_does_not_claim_is_left_out() -> None:
    both = [claim(10, 20), claim(5, 20, idle="other")]
    assert len(over_folds([both, both], scores(0))) == 2
    (found,) = over_folds([both, both[:1]], scores(0))
    assert found["idle"] == "x"


def test_one_busy_fold_makes_the_claim_busy_and_unknown_sections_say_nothing() -> None:
    (found,) = over_folds([[claim(10, 20)], [claim(10, 20) | {"busy": True}]], {})
    assert found["busy"]
    assert found["equal_accuracy"] is None


def test_one_studys_loihi_against_the_cpu_that_runs_the_others_network() -> None:
    whole: dict[str, Any] = {"baseline_feed": "sections", "network": "large"}
    large = [claim(10, 40, baseline_network="large", **whole), claim(10, 20)]
    small = [claim(5, 30, baseline_network="small", **whole | {"network": "small"})]
    worse = {tag: table - 0.02 for tag, table in scores(0).items()}
    (found,) = against(([large] * 2, scores(0)), ([small] * 2, worse))
    assert (found["loihi_mj"], found["baseline_mj"], found["ratio"]) == (10, 30, 3)
    assert (found["network"], found["baseline_network"]) == ("large", "small")
    assert found["baseline"] == "x, small"
    assert found["equal_accuracy"]["equal"]
    (found,) = against(([small] * 2, worse), ([large] * 2, scores(0)))
    assert (found["loihi_mj"], found["baseline_mj"]) == (5, 40)
    assert not found["equal_accuracy"]["equal"]
    assert against(([large] * 2, scores(0)), ([small], worse)) == []
