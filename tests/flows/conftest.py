from __future__ import annotations

from typing import Any

import pytest

from tasks.mlflow import models
from tests.fakes import FakeStages
from tests.spikeseg_core.report.recorded import short_summary


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    stages = FakeStages()
    stages.put_in_place(monkeypatch)
    monkeypatch.setattr(models, "log", lambda *model: None)  # fakes leave no network behind
    return stages


@pytest.fixture
def summary() -> dict[str, Any]:
    return short_summary()
