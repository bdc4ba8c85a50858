from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from httpx import ConnectError
from mlflow.tracking import MlflowClient

from flows import pipeline as module
from flows import start
from spikeseg_core.config.presets import preset
from spikeseg_core.stages import table as registry
from tasks.prefect.bootstrap import NoPrefectError
from tests.fakes import FakeStages

pytestmark = pytest.mark.usefixtures("fresh_console")


def test_without_a_server_the_same_pipeline_runs_plainly(
    home: Path,
    fakes: FakeStages,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(meanwhile: Any) -> None:
        meanwhile()
        raise NoPrefectError("Prefect's temporary server cannot start (a test)")

    def no_client(*_: Any, **__: Any) -> None:
        raise AssertionError("Prefect was asked")

    monkeypatch.setattr(start, "set_up_for_prefect", broken)
    monkeypatch.setattr("prefect.client.orchestration.get_client", no_client)
    summary = start.run_pipeline(preset("quick"))
    assert set(fakes.calls) == set(registry.STAGES)
    assert summary["prefect"] == {"flow_run_id": None, "url": None, "api": None}
    said = capsys.readouterr().err
    assert "continuing without Prefect" in said
    assert "cannot start (a test)" in said
    run = MlflowClient(summary["mlflow"]["tracking_uri"]).get_run(summary["mlflow"]["run_id"])
    assert run.info.status == "FINISHED"
    assert Path(summary["report"]).is_file()


def test_a_server_that_goes_away_does_not_end_the_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Flow:
        def __call__(self, config: Any) -> None:
            raise ConnectError("connection refused")

        def fn(self, config: Any) -> dict[str, Any]:
            return {"preset": config["preset"]}

    monkeypatch.setattr(start, "set_up_for_prefect", lambda meanwhile: None)
    monkeypatch.setattr(module, "pipeline", Flow())
    assert start.run_pipeline(preset("quick")) == {"preset": "quick"}
    assert "connection refused" in capsys.readouterr().err
