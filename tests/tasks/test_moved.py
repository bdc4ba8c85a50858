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

    def test_a_machine_that_changed_its_speed_is_not_a_figure_that_moved(self) -> None:
        before = record(figure("total", 30.0, passes=2.0))
        now = record(figure("total", 21.0, seconds=0.014, passes=2.1))
        changes = compare(now, before, MoveTolerance())
        assert {c.what: (round(c.ratio, 3), round(c.machine, 3)) for c in changes} == {
            "CPU, int8, online, total energy": (0.7, 0.667),
            "CPU, int8, online, time": (0.7, 0.667),
            "cpu_int8, test/v_rand": (1.0, 1.0),
        }
        assert not any(c.moved for c in changes)

    def test_a_figure_that_moved_is_seen_on_a_machine_whose_speed_hides_it(self) -> None:
        before = record(figure("dynamic", 30.0, passes=2.0))
        now = record(figure("dynamic", 30.0, passes=3.0))
        (change, _) = compare(now, before, MoveTolerance())
        assert (change.ratio, round(change.own, 3), change.moved) == (1.0, 1.5, True)

    def test_another_stated_power_is_not_the_machines_doing(self) -> None:
        before = record(figure("total", 30.0, passes=2.0))
        now = record(figure("total", 45.0, passes=2.0))
        energy, time, _ = compare(now, before, MoveTolerance())
        assert (energy.own, energy.machine, energy.moved) == (1.5, 1.0, True)
        assert (time.own, time.moved) == (1.0, False)

    def test_metered_energy_does_not_follow_the_speed_of_the_machine(self) -> None:
        before = record(figure("dynamic", 30.0, basis="measured", passes=2.0))
        now = record(figure("dynamic", 30.0, basis="measured", passes=3.0))
        (change, _) = compare(now, before, MoveTolerance())
        assert (change.machine, change.moved) == (1.0, False)

    def test_a_benchmark_from_before_there_was_a_yardstick_is_compared_without(self) -> None:
        before = record(figure("dynamic", 30.0))
        now = record(figure("dynamic", 20.0, passes=2.0))
        (change, _) = compare(now, before, MoveTolerance())
        assert (change.machine, change.moved) == (1.0, True)

    def test_another_operating_point_is_said_and_not_compared(self) -> None:
        def benchmarked(point: str, mj: float) -> StageRecord:
            loihi = {"label": "Loihi, operating point", "time_basis": "modelled"}
            found = record(figure("dynamic", mj, **loihi))
            found.outcome.metrics["loihi_operating_point_int8"] = {"test/v_rand": mj}
            found.outcome.facts["operating_point"] = {"chosen": {"point": point}}
            return found

        before, other = benchmarked("3 x 3 tiles", 20.0), benchmarked("4 x 4 tiles", 30.0)
        assert [c.what for c in compare(other, before, MoveTolerance())] == [
            "cpu_int8, test/v_rand"
        ]
        assert also_changed(other, before) == ["operating point: 3 x 3 tiles, now 4 x 4 tiles"]
        changes = compare(benchmarked("3 x 3 tiles", 30.0), before, MoveTolerance())
        assert sum(c.moved for c in changes) == 2

    def test_a_figure_that_became_zero_moved(self) -> None:
        (change, _) = compare(
            record(figure("dynamic", 0.0)), record(figure("dynamic", 30.0)), MoveTolerance()
        )
        assert (change.ratio, change.moved) == (0.0, True)

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

    def test_another_runtime_may_explain_it(self) -> None:
        before, now = record(), record()
        before.outcome.facts["cpu_runtimes"] = {
            "int8 batch 1": {"ONNX Runtime": 3.0, "OpenVINO": 2.0},
            "fp32 batch 1": {"ONNX Runtime": 5.0, "OpenVINO": 6.0},
        }
        now.outcome.facts["cpu_runtimes"] = {
            "int8 batch 1": {"ONNX Runtime": 3.0, "OpenVINO": 3.1},
            "fp32 batch 1": {"ONNX Runtime": 5.0, "OpenVINO": 6.0},
            "int8 batch 16": {"ONNX Runtime": 3.0},
        }
        for each, threads in ((before, 1), (now, 2)):
            each.outcome.facts["cpu_threads"] = {"int8 batch 1": threads, "fp32 batch 1": 2}
        assert also_changed(now, before) == [
            "CPU, int8 batch 1: OpenVINO with 1 threads, now ONNX Runtime with 2 threads"
        ]


def result(*changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": "m@a",
        "machine": {FINGERPRINT: "f"},
        "busy": False,
        "previous_mlflow_run_id": "p",
        "changes": list(changes),
    }


def change(own: float = 1.0, machine: float = 1.0, *, moved: bool) -> dict[str, Any]:
    return {"what": "w", "ratio": own * machine, "machine": machine, "own": own, "moved": moved}


def test_the_verdict_is_one_line() -> None:
    told = verdict(result(*(change(2.0, moved=True) for _ in range(7))))
    assert told.count("2 x") == 5
    assert told.endswith("and 2 more")
    assert "\n" not in told
    assert "machine itself" not in told


def test_the_verdict_says_how_the_machine_itself_changed() -> None:
    told = verdict(result(change(machine=0.71, moved=False), change(machine=0.68, moved=False)))
    assert "nothing moved" in told
    assert "the machine itself took 0.68 to 0.71 x as long" in told
    one = verdict(result(change(1.5, 0.71, moved=True), change(moved=False)))
    assert "the machine itself took 0.71 x as long" in one
    assert "w: 1.5 x" in one
