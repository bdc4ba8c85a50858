from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from tasks.fetching import fetch
from tasks.references import StageRef


@pytest.mark.parametrize(
    ("run", "says"), [(None, "MLflow has no copy"), ("0" * 32, "cannot be fetched from MLflow run")]
)
def test_a_folder_that_is_nowhere_is_one_message(run: str | None, says: str, home: Path) -> None:
    folder = home / "stages" / "train-0"
    gone = StageRef(
        stage="train", key="0", uri=folder.as_uri(), sha256="", mlflow_run_id=run, inputs={}
    )
    with pytest.raises(ConfigError, match=says):
        fetch(gone)
