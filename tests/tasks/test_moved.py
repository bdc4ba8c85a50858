from __future__ import annotations

from typing import Any

from tasks.folder import Outcome, StageRecord
from tasks.local.machine import FINGERPRINT
from tasks.moved import MoveTolerance, also_changed, compare, figures, verdict
from tests.tasks.runs import stage_record


def figure(component: str, mj: float, seconds: float = 0.02, **other: Any) -> dict[str, Any]:
    return {
        "label": "CPU",
        "precision": "int8",
        "batch": 1,
        "component": component,
        "mj_per_section": mj,
        "seconds_per_section": seconds,
        "basis": "modelled",
        "time_basis": "measured",
        **other,
    }


def record(*energy: dict[str, Any], v_rand: float = 0.97, **other: Any) -> StageRecord:
    outcome = Outcome(
        metrics={"cpu_int8": {"test/v_rand": v_rand}}, facts={"figures": list(energy)}
    )
    settings = {"benchmark": {"repeats": 5}}
    return stage_record("benchmark", **({"settings": settings} | other), outcome=outcome)


class TestCompare:
    def test_ratios_are_now_over_before_and_what_moved_comes_first(self) -> None:
        before = record(figure("dynamic", 10.0), figure("total", 30.0))
        now = record(figure("dynamic", 10.5), figure("total", 45.0, seconds=0.03))
        changes = compare(now, before, MoveTolerance())
        assert [(c.what, c.ratio, c.moved) for c in changes] == [
            ("CPU, int8, online, total energy", 1.5, True),
            ("CPU, int8, online, time", 1.5, True),
            ("CPU, int8, online, dynamic energy", 1.05, False),
            ("cpu_int8, test/v_rand", 1.0, False),
        ]

    def test_down_counts_like_up(self) -> None:
        for mj, moved in ((10.0 / 1.21, True), (10.0 / 1.19, False)):
            (change, _) = compare(
                record(figure("dynamic", mj)), record(figure("dynamic", 10.0)), MoveTolerance()
            )
            assert change.moved is moved

    def test_what_was_timed_is_compared_by_the_fastest_calls(self) -> None:
        before = record(figure("total", 30.0, fastest=0.9))
        now = record(figure("total", 36.0, seconds=0.024, fastest=0.75))
        assert {c.ratio for c in compare(now, before, MoveTolerance())} == {1.0}

    def test_each_kind_has_its_own_tolerance(self) -> None:
        before = record(figure("total", 30.0))
        now = record(figure("total", 30.0), v_rand=0.96)
        assert [c.what for c in compare(now, before, MoveTolerance()) if c.moved] == [
            "cpu_int8, test/v_rand"
        ]
        assert not any(c.moved for c in compare(now, before, MoveTolerance(score=0.02)))

    def test_a_change_of_basis_is_said_and_publications_are_left_out(self) -> None:
        before = record(figure("dynamic", 10.0), figure("total", 1.0, basis="published"))
        now = record(figure("dynamic", 10.0, basis="measured"))
        (change, _) = compare(now, before, MoveTolerance())
        assert change.basis == "modelled, now measured"
        assert [f.kind for f in figures(before)] == ["timed", "score"]

    def test_a_sum_of_what_is_counted_and_timed_is_left_out(self) -> None:
        hosted = figure("total", 1.0, label="Loihi, deployed, with host", host=True)
        assert figures(record(hosted))[0].kind == "score"

    def test_time_of_a_cpu_is_measured_and_of_loihi_modelled(self) -> None:
        loihi = figure("total", 1.0, label="Loihi, deployed", time_basis="modelled")
        found = figures(record(figure("total", 1.0), loihi))
        assert {f.what: (f.basis, f.kind) for f in found if f.what.endswith("time")} == {
            "CPU, int8, online, time": ("measured", "timed"),
            "Loihi, deployed, int8, online, time": ("modelled", "counted"),
        }

    def test_what_is_counted_may_move_less_than_what_is_timed(self) -> None:
        for basis, moved in (("measured", False), ("modelled", True)):
            before = record(figure("dynamic", 10.0, time_basis=basis))
            now = record(figure("dynamic", 10.5, time_basis=basis))
            (change, _) = compare(now, before, MoveTolerance())
            assert change.moved is moved

    def test_what_may_explain_it_is_named(self) -> None:
        before = record(versions={"tensorflow": "2.20"})
        now = record(
            versions={"tensorflow": "2.21"}, settings={"benchmark": {"repeats": 9}}, code="d"
        )
        assert also_changed(now, before) == [
            "the code of the benchmark",
            "benchmark.repeats: 5, now 9",
            "tensorflow: 2.20, now 2.21",
        ]


def test_the_verdict_is_one_line() -> None:
    changes = [{"what": f"w{i}", "ratio": 2.0, "moved": True} for i in range(7)]
    told = verdict(
        {
            "model": "m@a",
            "machine": {FINGERPRINT: "f"},
            "busy": False,
            "previous_mlflow_run_id": "p",
            "changes": changes,
        }
    )
    assert told.count("2 x") == 5
    assert told.endswith("and 2 more")
    assert "\n" not in told
