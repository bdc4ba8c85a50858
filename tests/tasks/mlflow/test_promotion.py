"""The rule: worse in no figure, better in at least one, on the same data."""

from __future__ import annotations

import itertools
import re

import pytest

from spikeseg_core.config import PromotionConfig
from tasks.mlflow.promotion import TAGS, decide

RULE = PromotionConfig(pixel_accuracy=0.001, v_rand=0.01, v_info=0.002, energy=0.05, gain=2)


def tags(
    pixel_accuracy: float = 0.92,
    v_rand: float = 0.95,
    v_info: float = 0.97,
    energy: float = 100.0,
    **others: str,
) -> dict[str, str]:
    return {
        "dataset.sha256": "ab" * 32,
        "dataset.source": "isbi2012",
        "synthetic": "false",
        "validation/pixel_accuracy": repr(pixel_accuracy),
        "validation/v_rand": repr(v_rand),
        "validation/v_info": repr(v_info),
        "energy/loihi_total_mj": repr(energy),
        **others,
    }


@pytest.mark.parametrize(
    ("challenger", "state", "reason"),
    [
        (tags(), "kept", r"no figure is better by enough \(.* v_rand 0.02,.* energy 0.1\)"),
        (tags(v_rand=0.968), "kept", "no figure is better"),
        (tags(v_rand=0.972), "promoted", r"better in v_rand \(by 0.022, 0.02 is required\)"),
        (tags(energy=89.0), "promoted", r"better in energy \(by 0.11, 0.1 is required\)"),
        (tags(v_rand=0.972, energy=104.0), "promoted", "worse in none"),
        (tags(v_rand=0.972, energy=106.0), "kept", r"worse in energy \(by 0.06, 0.05 is allowed"),
        (tags(v_rand=0.972, pixel_accuracy=0.918), "kept", r"worse in pixel_accuracy \(by 0.002"),
        (tags(v_rand=0.972, v_info=0.9685), "promoted", "v_info 0.9685.* the champion .* 0.97"),
    ],
)
def test_it_is_weighed_by_tolerances(challenger: dict[str, str], state: str, reason: str) -> None:
    decision = decide(challenger, tags(), RULE)
    assert decision.state == state
    assert re.search(reason, decision.reason), decision.reason
    assert decision.is_champion == (state == "promoted")


def test_one_that_was_timed_on_a_busy_machine_waits() -> None:
    busy = tags(v_rand=1.0) | {"benchmark.busy": "1.0"}
    assert decide(busy, tags(), RULE).state == decide(busy, None, RULE).state == "waiting"
    assert "idle machine" in decide(busy, tags(), RULE).reason
    assert decide(busy | {"benchmark.busy": "0.0"}, tags(), RULE).is_champion


def test_the_first_becomes_champion() -> None:
    decision = decide(tags(), None, RULE)
    assert (decision.state, decision.is_champion) == ("first", True)
    assert "v_rand 0.95" in decision.reason
    assert "100 mJ per section" in decision.reason


@pytest.mark.parametrize("champion", [None, tags()])
def test_made_up_sections_never_make_a_champion(champion: dict[str, str] | None) -> None:
    decision = decide(tags(v_rand=1.0, synthetic="true"), champion, RULE)
    assert decision.state == "kept"
    assert "synthetic" in decision.reason


def test_other_data_never_replace_a_champion() -> None:
    decision = decide(tags(v_rand=1.0) | {"dataset.sha256": "cd" * 32}, tags(), RULE)
    assert decision.state == "kept"
    assert "isbi2012 cdcdcdcd, not isbi2012 abababab" in decision.reason


def test_it_waits_for_its_energy() -> None:
    unknown = {name: value for name, value in tags().items() if not name.startswith("energy/")}
    assert decide(unknown, None, RULE).state == "waiting"
    kept = decide(tags(v_rand=1.0), unknown, RULE)
    assert (kept.state, "energy/loihi_total_mj" in kept.reason) == ("kept", True)


def test_two_never_take_each_others_place_in_turn() -> None:
    some = [
        tags(p, r, i, e)
        for p, r, i, e in itertools.product(
            (0.92, 0.9215), (0.95, 0.96, 0.975), (0.97, 0.976), (80.0, 95.0, 100.0)
        )
    ]
    for a, b in itertools.combinations(some, 2):
        assert not (decide(a, b, RULE).is_champion and decide(b, a, RULE).is_champion)


def test_no_test_split_in_the_rule() -> None:
    assert not any("test" in tag for tag in TAGS.values())
