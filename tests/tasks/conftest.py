from __future__ import annotations

import pytest

from tasks.mlflow import models
from tests.fakes import FakeStages


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    stages = FakeStages()
    stages.put_in_place(monkeypatch)
    monkeypatch.setattr(models, "log", lambda *model: None)  # fakes leave no network behind
    return stages
