from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.research_report import research_report
from spikeseg_core.report.render import html
from spikeseg_core.report.research import build
from tasks.local import state
from tasks.mlflow.records import records
from tests.fakes import FakeStages
from tests.flows.pages import artifacts


@pytest.mark.usefixtures("prefect_server")
def test_it_runs_what_is_missing_and_leaves_the_report_in_mlflow_and_prefect(
    home: Path, fakes: FakeStages
) -> None:
    result = research_report(preset="quick")
    assert fakes.calls["benchmark"] == 1
    with records() as known:
        assert Path(result["report"]).read_text() == html(build(known, "quick")[0])
    assert list(result["findings"]) == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    client = MlflowClient(state.tracking_uri())
    run = client.get_run(result["mlflow_run_id"])
    assert run.data.tags["spikeseg.stage"] == "report"
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {
        *("research.html", "research.md", "research.json")
    }
    shown = artifacts(run.data.tags["prefect.flow_run_id"])
    assert Path(result["report"]).as_uri() in str(shown["research-report"].data)
    assert "## Q5" in str(shown["research-report-text"].data)

    again = research_report(preset="quick")
    assert fakes.calls["benchmark"] == 1
    assert Path(again["report"]).read_text() == Path(result["report"]).read_text()
