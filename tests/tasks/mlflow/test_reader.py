from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.storage import write_json
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import Run, Store, store


@pytest.fixture
def two(home: Path) -> list[Run]:
    return [Run.create(store(), name, {"tag": name}, None) for name in ("one", "two")]


@pytest.mark.parametrize("direct", [True, False])
def test_the_database_and_the_client_say_the_same(
    direct: bool, two: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not direct:
        monkeypatch.setattr("tasks.mlflow.reader._database", lambda uri: None)
    reader = Reader(store())
    assert reader.named("one").info.run_id == two[0].id
    assert reader.named(two[1].id[:31]).info.run_id == two[1].id
    assert reader.tags(two[0].id)["tag"] == "one"
    assert reader.registered_runs() == []
    assert reader.logged_model(two[0].id) is None
    with pytest.raises(ConfigError, match="there is no run 'three'"):
        reader.named("three")
    with pytest.raises(ConfigError, match=r"there is no run '0{32}'"):
        reader.get("0" * 32)


def test_the_server_of_this_state_folder_need_not_be_asked(
    home: Path, two: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = "http://127.0.0.1:9"
    write_json(home / "servers.json", {"environment": {"MLFLOW_TRACKING_URI": server}})
    assert Reader(Store(server)).named("two").info.run_id == two[1].id
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:8"):
        Reader(Store("http://127.0.0.1:8")).get(two[1].id)


def test_nothing_heavy_is_imported_to_compare() -> None:
    heavy = {"mlflow", "prefect", "pandas", "matplotlib", "scipy", "tensorflow"}
    code = f"import sys, tasks.compare; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
