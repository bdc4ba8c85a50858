from __future__ import annotations

import logging
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tasks.mlflow.store import Run, Store, store
from tests.fakes import FakeStages
from tests.tasks.runs import run_up_to


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def client(self: Store) -> MlflowClient:
        asked.append("client")
        raise ConnectionError("server gone")

    monkeypatch.setattr(Store, "client", property(client))
    return asked


def test_work_goes_on_with_one_warning(
    home: Path,
    fakes: FakeStages,
    broken: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.getLogger("prefect").propagate = True
    with caplog.at_level(logging.WARNING, logger="prefect.spikeseg"):
        refs = run_up_to("tune")
    assert all(ref.mlflow_run_id is None for ref in refs.values())
    warnings = [r.getMessage() for r in caplog.records if "MLflow" in r.getMessage()]
    assert len(warnings) == 1
    assert "server gone" in warnings[0]
    assert "The work goes on" in warnings[0]


def test_more_than_one_call_takes_are_all_logged(home: Path) -> None:
    run = Run.create(store(), "many", {}, None)
    run.params({f"setting{i}": i for i in range(101)})
    run.metrics((f"metric{i}", float(i) if i else None, 0, 1.0) for i in range(1002))
    data = store().client.get_run(run.id).data
    assert (len(data.params), len(data.metrics)) == (101, 1001)
