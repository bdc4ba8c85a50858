from __future__ import annotations

from typing import Any

import pytest

from tasks.local import state
from tasks.show import show


@pytest.mark.parametrize("synthetic", [True, False])
def test_results_then_where_to_look_next(
    summary: dict[str, Any], synthetic: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    database = state.current().mlflow_database
    summary["mlflow"]["tracking_uri"] = database
    summary["dataset"] = {"synthetic": synthetic, "source": "s", "note": "a note on the data"}
    show(summary)
    said = capsys.readouterr().out
    assert said.index("Accuracy on the test sections") < said.index(
        f"report    {summary['report']}"
    )
    assert f"mlflow ui --backend-store-uri {database}" in said
    assert summary["mlflow"]["page"] in said
    assert ("SYNTHETIC DATA" in said) is synthetic
    assert said.rstrip().endswith("a note on the data")


def test_with_a_server_the_runs_own_page(
    summary: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    page = "http://host:5000/#/experiments/1/runs/1?workflowType=machine_learning"
    summary["mlflow"] |= {"tracking_uri": "http://host:5000", "page": page}
    show(summary)
    assert f"MLflow    {page}\n" in capsys.readouterr().out
