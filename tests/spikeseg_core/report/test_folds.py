from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.figures.levers import Bar, lever_figure
from spikeseg_core.report import folds
from spikeseg_core.report.comparison import ComparedRun
from spikeseg_core.report.folds import compare, require_all
from spikeseg_core.sweep.cross_validation import CrossValidation
from spikeseg_core.sweep.definition import Sweep
from tests.spikeseg_core.sweep.test_claims import claim
from tests.spikeseg_core.sweep.test_cross_validation import study
from tests.spikeseg_core.sweep.test_levers import USUAL, run

STUDY: dict[str, Any] = {"title": "t", "preset": "quick", "seeds": [0], "until": "deploy"}
RUNS = [ComparedRun("ab" * 16, name, {"started": "now"}, {}, {}, {}, {}) for name in ("one", "two")]


def with_energies(whole: float = 100.0) -> CrossValidation:
    """Three folds whose levers and claims are scored as the chip and the ANN."""
    levers = [{**lever, "scores": "loihi"} for lever in run(whole)]
    about = {"presentation": "deployed", "baseline": "CPU, int8"}
    claims = [
        claim(10, 25, idle="dynamic", **about),
        claim(20, 25, idle="total", **about),
        claim(40, 25, idle="dynamic", **about | {"host": True}) | {"busy": True},
    ]
    scored = [{**each, "scores": ["loihi", "ann"]} for each in claims]
    return replace(study(), levers=[levers] * 3, claims=[scored] * 3)


def test_a_failed_fold_leaves_sections_untested() -> None:
    asked = Sweep.model_validate({**STUDY, "folds": 6})
    require_all(asked, [])
    with pytest.raises(SpikeSegError, match=r"2 of 6 folds failed \(fold 1, fold 4\)"):
        require_all(asked, ["fold 1", "fold 4"])


def test_a_failed_point_of_another_study_is_only_a_row() -> None:
    points = [{"name": "a", "settings": {"quantize.weight_bits": 8}}]
    require_all(Sweep.model_validate({**STUDY, "points": points}), ["a"])


def test_two_studies_of_energy_are_drawn_with_what_differs_as_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Bar] = []

    def drawn(shown: list[Bar], path: Path, title: str) -> Path:
        bars.extend(shown)
        return lever_figure(shown, path, title)

    monkeypatch.setattr(folds, "lever_figure", drawn)
    settings, studies = {"tune.keep_of_8": [8, 3]}, (with_energies(), with_energies(80))
    told = compare(RUNS, settings, *studies, tmp_path / "new" / "saved.svg")
    assert [step["change"]["loihi_mj"]["mean"] for step in told["energies"]] == [-20, -20]
    assert [name for name, *_ in bars] == ["as deployed", *USUAL, "keep_of_8 3"]
    assert [chips for _, chips, _ in bars[-2:]] == [45, 25]
    assert told["claims"] == []  # these studies have tiles alone
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["saved.png", "saved.svg"]


def test_each_loihi_is_compared_with_the_cpu_of_the_other_study(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def of(network: str) -> CrossValidation:
        found = with_energies()
        named = {"network": network, "baseline_network": network, "baseline_feed": "sections"}
        return replace(found, claims=[[{**one, **named} for one in run] for run in found.claims])

    told = compare(RUNS, {}, of("paper"), of("lean"))
    assert {(c["network"], c["baseline_network"]) for c in told["claims"]} == {
        ("paper", "lean"), ("lean", "paper"),
    }  # fmt: skip
    assert "deployed, paper" in " ".join(capsys.readouterr().out.split())


def test_studies_without_energies_are_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run: spikeseg sweep energy-claims"):
        compare(RUNS, {}, study(), with_energies(), tmp_path / "saved.png")
    assert not list(tmp_path.iterdir())
