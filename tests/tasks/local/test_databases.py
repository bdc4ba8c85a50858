from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from spikeseg_core.errors import ConfigError
from tasks.local import databases
from tasks.prefect import bootstrap


def made(file: Path, revision: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        database.execute("DELETE FROM alembic_version")
        database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
        database.commit()
    return file


def known(package: str, folder: str) -> set[str]:
    return {revision for _, revision in databases._revisions(package, folder)}


def test_any_revision_that_prefect_knows_is_brought_up_to_date(tmp_path: Path) -> None:
    revisions = known("prefect", databases.PREFECT_REVISIONS)
    assert len(revisions) > 50
    for revision in sorted(revisions)[:3]:
        databases.check_prefect(made(tmp_path / "prefect.db", revision))


def test_prefects_database_of_another_version_says_what_to_do(tmp_path: Path) -> None:
    file = made(tmp_path / "a folder" / "prefect.db", "000000000000")
    with pytest.raises(ConfigError) as raised:
        databases.check_prefect(file)
    assert f"Prefect's database {file} is of another version" in str(raised.value)
    assert str(raised.value).endswith(f"mv '{file}' '{file}'.old")
    assert "\n" not in str(raised.value)


def test_mlflows_database_has_to_be_of_its_version(mlflow_database: Path, tmp_path: Path) -> None:
    databases.check_mlflow(mlflow_database)
    file = made(Path(shutil.copy(mlflow_database, tmp_path / "mlflow.db")), "000000000000")
    with pytest.raises(ConfigError, match=r"MLflow's database .* another version"):
        databases.check_mlflow(file)
    old = sorted(known("mlflow", databases.MLFLOW_REVISIONS))[0]
    with pytest.raises(ConfigError, match=rf"older version .*`mlflow db upgrade sqlite:///{file}`"):
        databases.check_mlflow(made(file, old))


@pytest.mark.parametrize("check", [databases.check_prefect, databases.check_mlflow])
def test_new_empty_and_damaged_files(check: object, tmp_path: Path) -> None:
    assert callable(check)
    check(tmp_path / "missing.db")
    (tmp_path / "empty.db").touch()
    check(tmp_path / "empty.db")
    (tmp_path / "damaged.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match=r"is damaged .*move it away.*: mv "):
        check(tmp_path / "damaged.db")


def test_it_is_looked_at_before_a_server_starts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(bootstrap, "_start_server", lambda port: pytest.fail("a server started"))
    made(home / "prefect" / "prefect.db", "000000000000")
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(ConfigError, match="another version"),
    ):
        bootstrap.set_up_for_prefect()
