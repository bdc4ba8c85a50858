from __future__ import annotations

from typing import Any

import pytest

from flows.show import show
from tasks.local import state


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
    assert ("SYNTHETIC DATA" in said) is synthetic
    assert said.rstrip().endswith("a note on the data")
