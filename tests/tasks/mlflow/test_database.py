from __future__ import annotations

import math
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tasks.local import state
from tasks.mlflow.database import Database
from tasks.mlflow.store import MOST_RUNS, Run, store


@pytest.fixture
def database(home: Path) -> Database:
    return Database(home / "mlflow.db", home / "mlflow-artifacts")


@pytest.fixture
def three(home: Path) -> list[Run]:
    """Runs with tags; the last is deleted."""
    made = []
    for number, kind in enumerate(("train", "tune", "train")):
        run = Run.create(store(), f"run {number}", {"spikeseg.stage": kind, "n": "%"}, None)
        run.params({"seed": number})
        run.metrics([("loss", 1.0, 0, 1.0), ("loss", 0.5, 1, 2.0), ("odd", math.nan, 0, 1.0)])
        run.json("facts.json", {"number": number})
        run.end()
        made.append(run)
    store().client.delete_run(made[2].id)
    return made


QUERIES = (
    "",
    "attributes.status = 'FINISHED'",
    "attributes.status = 'RUNNING'",
    "tags.`spikeseg.stage` = 'train' and attributes.status = 'FINISHED'",
    "attributes.run_name = 'run 1'",
    "tags.n = '%' and tags.`spikeseg.stage` LIKE '%un%'",
)


@pytest.mark.parametrize("query", QUERIES)
def test_it_answers_as_mlflows_client(query: str, three: list[Run], database: Database) -> None:
    order = ["attributes.start_time DESC"]
    wanted = store().client.search_runs([store().experiment], query, order_by=order)
    found = database.search(state.experiment(), query, MOST_RUNS)
    assert [run.info.run_id for run in found] == [run.info.run_id for run in wanted]
    for own, theirs in zip(found, wanted, strict=True):
        for name in own.info.__dataclass_fields__:
            assert getattr(own.info, name) == getattr(theirs.info, name)
        assert (own.data.params, own.data.tags) == (theirs.data.params, theirs.data.tags)
        assert own.data.metrics.pop("odd") != theirs.data.metrics.pop("odd")  # nan
        assert own.data.metrics == theirs.data.metrics == {"loss": 0.5}


def test_a_run_by_id_and_by_the_beginning_of_one(three: list[Run], database: Database) -> None:
    first, _, deleted = three
    assert database.get(first.id).info.run_name == "run 0"
    assert database.get(deleted.id).info.lifecycle_stage == "deleted"
    begins = f"attributes.run_id LIKE '{first.id[:31]}%'"
    assert [run.info.run_id for run in database.search("spikeseg", begins, 10)] == [first.id]
    assert database.search("another", begins, 10) == []
    assert len(database.search("spikeseg", "", 1)) == 1
    with pytest.raises(KeyError):
        database.get("0" * 32)


def test_what_it_cannot_search_is_refused(database: Database) -> None:
    for query in ("metrics.loss > 1", "attributes.user = 'me'", "tags.`x` = 'a' or tags.y = 'b'"):
        with pytest.raises(ValueError, match="cannot search for"):
            database.search("spikeseg", query, 1)


def test_files_of_a_run(three: list[Run], database: Database) -> None:
    assert '"number": 1' in database.artifact(three[1].id, "facts.json").read_text()
    with pytest.raises(FileNotFoundError):
        database.artifact(three[1].id, "none.json")


def test_files_that_a_server_keeps(home: Path, database: Database) -> None:
    client = MlflowClient(state.tracking_uri())
    served = client.create_experiment("served", artifact_location="mlflow-artifacts:/7")
    run = client.create_run(served).info.run_id
    kept = home / "mlflow-artifacts" / "7" / run / "artifacts" / "a.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    assert database.artifact(run, "a.json") == kept


def test_a_database_without_tables_is_none(tmp_path: Path) -> None:
    assert not Database(tmp_path / "none.db", tmp_path).exists
    (tmp_path / "empty.db").write_bytes(b"")
    assert not Database(tmp_path / "empty.db", tmp_path).exists
