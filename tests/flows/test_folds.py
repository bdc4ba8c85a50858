"""Cross-validations: the table of all folds, going on after a kill, and comparing two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from flows.sweep import run_sweep
from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.compare import compare
from tests.fakes import FakeStages

STAGES = ["ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi", "loihi_agglomerated"]
SCORES = ["pixel_accuracy", "membrane_iou", "v_rand", "v_info"]


@pytest.fixture
def short(tmp_path: Path) -> str:
    """Three folds of training alone."""
    file = tmp_path / "short.yaml"
    file.write_text("title: Short\nfolds: 3\nuntil: train\nmetrics: [ann/test/v_rand_carried]\n")
    return str(file)


def run(study: str, *changes: str) -> dict[str, Any]:
    return run_sweep(study, 1, "synthetic", [], changes)


@pytest.mark.usefixtures("prefect_server")
class TestCrossValidation:
    def test_the_table_of_all_folds(
        self, home: Path, fakes: FakeStages, capsys: pytest.CaptureFixture[str]
    ) -> None:
        summary = run("cross-validation", "dataset.folds=3")
        assert fakes.calls["prepare"] == fakes.calls["train"] == fakes.calls["deploy"] == 3
        assert json.loads(json.dumps(summary)) == summary
        assert (summary["folds"], summary["sections"], summary["seeds"]) == (3, 30, [0])
        assert summary["basis"] == "measured"
        assert summary["dataset"]["synthetic"] is True
        assert list(summary["stages"]) == STAGES
        assert list(summary["paired"]) == STAGES[1:]
        for table in (summary["stages"], summary["paired"]):
            assert all(list(scores) == SCORES for scores in table.values())
        change = summary["paired"]["loihi"]["v_rand"]
        assert change["low"] < -0.008 < change["high"] < 0
        assert change["high"] - change["low"] < 0.002
        alone = summary["stages"]["loihi"]["v_rand"]
        assert alone["high"] - alone["low"] > 0.01
        steps = [step["step"] for step in summary["steps"]]
        assert steps[0] == "Loihi's rate curve, rate tuning"
        *onto_chip, on_host = summary["steps"]
        total = sum(step["v_rand"]["mean"] for step in onto_chip)
        assert total == pytest.approx(change["mean"])
        assert (on_host["step"], on_host["from"]) == ("agglomeration on the host", "loihi")
        assert on_host["v_rand"]["mean"] == pytest.approx(0.01)
        folder = Path(summary["report"]).parent
        rows = pd.read_parquet(folder / "sections.parquet")
        assert rows.groupby("segmentation").size().tolist() == [30] * len(STAGES)
        said = capsys.readouterr().out
        assert "SYNTHETIC DATA" in said
        assert "SYNTHETIC DATA" in (folder / "sweep.md").read_text()
        assert "change from the ANN" in said

        client = MlflowClient(summary["mlflow"]["tracking_uri"])
        logged = client.get_run(summary["mlflow"]["run_id"])
        assert logged.data.metrics["loihi/v_rand"] == alone["mean"]
        assert logged.data.metrics["loihi/v_rand_low"] == alone["low"]
        assert logged.data.metrics["loihi/v_rand_change_high"] == change["high"]
        assert logged.data.tags["synthetic"] == "true"
        names = {item.path for item in client.list_artifacts(logged.info.run_id)}
        assert names >= {"cross-validation.json", "cross-validation.png", "sections.parquet"}

    def test_a_killed_one_goes_on_and_gives_the_same_table(
        self, home: Path, fakes: FakeStages, short: str
    ) -> None:
        fakes.fail_once["train"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            run(short)
        assert (fakes.calls["prepare"], fakes.calls["train"]) == (1, 1)
        whole = run(short)
        assert (fakes.calls["prepare"], fakes.calls["train"]) == (3, 4)
        again = run(short)
        assert fakes.calls["train"] == 4
        assert whole["stages"] == again["stages"]
        assert whole["paired"] == {}

    def test_a_failed_fold_is_named_and_gives_no_table(
        self, home: Path, fakes: FakeStages, short: str
    ) -> None:
        fakes.fail_once["train"] = RuntimeError("the disk is full")
        with pytest.raises(SpikeSegError, match=r"1 of 3 folds failed \(fold 0\)"):
            run(short)
        assert run(short)["folds"] == 3
        assert fakes.calls["train"] == 4

    def test_two_are_compared_section_by_section(
        self,
        home: Path,
        fakes: FakeStages,
        short: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        first, same, other = run(short), run(short), run(short, "train.epochs=3")
        ids = [study["mlflow"]["run_id"] for study in (first, same, other)]
        found = compare(ids[:2])
        assert found["differences"]["ann"]["v_rand"]["mean"] == 0
        assert "V_Rand of ANN: the same in every section." in capsys.readouterr().out
        found = compare([ids[0], ids[2]])
        assert found["settings"] == {"fixed.train.epochs": [None, "3"]}
        each = found["differences"]["ann"]["v_rand"]
        assert each["verdict"] == "no difference"
        assert "no difference is shown" in each["sentence"]
        assert len(each["by_section"]) == 30
        a, b = (study["stages"]["ann"]["v_rand"]["mean"] for study in (first, other))
        assert each["mean"] == pytest.approx(b - a)


def test_settings_that_cannot_be_cross_validated() -> None:
    with pytest.raises(ConfigError, match=r"a number from 3 .* not 2"):
        run("cross-validation", "dataset.folds=2")
    with pytest.raises(ConfigError, match=r"varies dataset\.fold"):
        run("cross-validation", "dataset.fold=1")
