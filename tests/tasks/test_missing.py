from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from tasks.missing import missing_runs, seeds_of
from tasks.mlflow import models
from tests.spikeseg_core.report.recorded import seeded
from tests.tasks.mlflow.test_records import record_pipeline


def test_runs_are_missing_by_seed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [config.preset for config in missing_runs("paper", ())] == ["paper"]
    monkeypatch.setattr(models, "log", lambda *model: None)
    record_pipeline(0.96, seeded(preset("paper"), 1), mapped=False)
    assert [(c.train.seed, c.tune.seed) for c in missing_runs("paper", (1, 7))] == [(7, 7)]
    assert missing_runs("paper", ()) == []
    with pytest.raises(ConfigError, match="unknown preset"):
        missing_runs("none", ())


def test_seeds_of_the_command_line() -> None:
    assert seeds_of(None) == seeds_of(" ") == ()
    assert seeds_of("0, 1,2") == (0, 1, 2)
    with pytest.raises(ConfigError, match="cannot read the seeds '0,one'"):
        seeds_of("0,one")
