from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from tests.flows.cli.commands import Asked, spikeseg


def test_run_prints_the_table_and_writes_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, summary: dict[str, Any]
) -> None:
    asked = []

    def pipeline(config: Any) -> dict[str, Any]:
        asked.append(config)
        return summary

    monkeypatch.setattr("flows.pipeline.pipeline", pipeline)
    monkeypatch.setattr("flows.start.set_up_for_prefect", lambda meanwhile: meanwhile())
    result = CliRunner().invoke(
        cli.app, ["run", "--json", str(tmp_path / "out.json"), "--set", "train.epochs=3"]
    )
    assert result.exit_code == 0, result.output
    assert asked[0]["train.epochs"] == 3
    assert json.loads((tmp_path / "out.json").read_text()) == summary
    assert "Accuracy on the test sections" in result.output
    assert result.output.rstrip().splitlines()[-2].startswith("SYNTHETIC DATA")


@pytest.mark.parametrize(
    ("words", "plan", "args"),
    [
        (("sweep", "bits", "--seed", 1), "plan_sweep", ("bits", "auto", [1], [], None)),
        (("report", "--seeds", "0,1"), "plan_report", ("paper", "0,1", [])),
    ],
)
def test_a_dry_run_starts_nothing(
    words: tuple[object, ...],
    plan: str,
    args: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    asked, out = Asked(), tmp_path / "plan.json"
    asked.stand_in(monkeypatch, f"flows.plan.{plan}", {"stages": []})
    assert spikeseg(*words, "--dry-run", "--json", out).exit_code == 0
    assert asked == [(args, {})]
    assert json.loads(out.read_text()) == {"stages": []}


def test_a_stage_shows_its_result_unless_it_is_to_be_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, shown = Asked(), Asked()
    asked.stand_in(monkeypatch, "flows.single.run_stage_alone", {"stage": "tune"})
    shown.stand_in(monkeypatch, "tasks.show.show_stage")
    spikeseg("stage", "tune", "--after", "0abc", "--set", "tune.epochs=2")
    spikeseg("stage", "tune", "--quiet")
    assert asked == [(("tune", "0abc", ["tune.epochs=2"]), {}), (("tune", None, []), {})]
    assert shown == [(({"stage": "tune"},), {})]


def test_segmenting_says_how_much_is_membrane(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, result = Asked(), {"sections": 3, "membrane": 0.25, "preview": "p.png"}
    result |= {"network": {"kind": "ann"}, "mlflow_run_id": "0abc", "threshold": 0.3, "cells": 1234}
    result |= {"time": "0.50 s per megapixel"}
    monkeypatch.setattr("spikeseg_core.inference.timing.since_start", lambda: 7.0)
    asked.stand_in(monkeypatch, "flows.segment.segment_files", result)
    said = spikeseg("segment", tmp_path, "out", "--engine", "loihi", "--threshold", 0.7)
    assert "3 sections by the network ann of MLflow run 0abc: 25.0% membrane" in said.output
    assert "at threshold 0.3, 1,234 cells" in said.output
    assert "time       0.50 s per megapixel" in said.output
    assert asked == [
        (
            (tmp_path, Path("out"), None, "loihi"),
            {"threshold": 0.7, "agglomerate": False, "workers": 1, "overwrite": False}
            | {"start_s": 7.0},
        )
    ]
    assert spikeseg("segment", tmp_path, "out", "--threshold", 1.5).exit_code == 2


@pytest.mark.parametrize("busy", [True, False])
def test_a_benchmark_on_a_busy_machine_fails(busy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    result = {"verdict": "nothing moved", "busy": busy}
    Asked().stand_in(monkeypatch, "flows.single.run_benchmark", result)
    found = spikeseg("benchmark")
    assert (found.output, found.exit_code) == ("nothing moved\n", int(busy))


def test_a_report_says_what_is_not_known_and_how_to_find_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked()
    result = {"missing": {"spikeseg bench mapping": "a benchmark"}, "report": "r.html"}
    asked.stand_in(monkeypatch, "flows.single.run_report", result)
    said = spikeseg("report", "--run", "a", "--run", "b", "--run-missing").output
    assert asked == [(("paper", None, ["a", "b"]), {"run_missing": True})]
    assert "not known  a benchmark  spikeseg bench mapping" in said
    assert "report     r.html" in said


def test_sweeps_benches_and_promotions_get_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked()
    promoted = {"name": "paper", "version": 3, "alias": "champion", "reason": "checked"}
    asked.stand_in(monkeypatch, "flows.sweep.run_sweep", {})
    asked.stand_in(monkeypatch, "flows.bench.bench", {})
    asked.stand_in(monkeypatch, "flows.single.run_promotion", promoted)
    spikeseg("sweep", "bits", "--workers", 2, "--preset", "quick", "--seed", 0, "--seed", 1)
    spikeseg("bench", "mapping", "--preset", "paper", "--set", "partition.seed=1")
    said = spikeseg("promote", "paper/3", "--why", "checked", "--by", "me").output
    assert asked == [
        (("bits", 2, "auto", [0, 1], []), {"preset": "quick"}),
        (("mapping", "paper", "auto", ["partition.seed=1"]), {}),
        (("paper/3", "checked", "me", []), {}),
    ]
    assert said == "paper/3 (champion): checked\n"
