from __future__ import annotations

import pytest

from tasks import registry
from tests.fakes import FakeStages


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    stages = FakeStages()
    monkeypatch.setattr(registry, "function", stages.function)
    return stages
