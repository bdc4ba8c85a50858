"""The whole stack of the compose file, with passwords, on PostgreSQL and Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.docker import stack
from tests.docker.conftest import MLFLOW_USER, NEEDS_STACK, SECRETS, eventually

pytestmark = NEEDS_STACK


def test_every_service_came_up_in_order(running: stack.Stack) -> None:
    print({name: round(seconds, 1) for name, seconds in running.seconds.items()})
    order = list(running.started)
    for name, service in running.services.items():
        for before in service.get("depends_on", {}):
            assert order.index(before) < order.index(name)


@pytest.mark.parametrize("user", [None, ("spikeseg", "wrong"), ("admin", "password1234")])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ":4200/api/flow_runs/filter"),
        ("GET", ":4200/api/admin/settings"),
        ("POST", ":4200/api/work_pools/filter"),
        ("GET", ":5000/"),
        ("GET", ":5000/api/2.0/mlflow/experiments/search?max_results=1"),
        ("POST", ":5000/api/2.0/mlflow/runs/create"),
        ("GET", ":5000/api/2.0/mlflow-artifacts/artifacts"),
        ("PUT", ":5000/api/2.0/mlflow-artifacts/artifacts/0/file"),
    ],
)
def test_without_the_password_nothing_is_answered(
    running: stack.Stack, method: str, path: str, user: tuple[str, str] | None
) -> None:
    answer = requests.request(method, f"http://{running.address}{path}", auth=user, timeout=30)
    assert answer.status_code == 401


def test_redis_and_postgres_want_passwords_too(running: stack.Stack) -> None:
    ping = ["redis-cli", "-h", "localhost"]
    assert running.run("redis", [*ping, "ping"]).stdout.strip() == "PONG"
    without = running.run("redis", ["env", "--unset=REDISCLI_AUTH", *ping, "ping"])
    assert "NOAUTH" in without.stdout
    query = ["psql", "--no-password", "--host=localhost", "--username=spikeseg", "prefect"]
    assert "no password supplied" in running.run("postgres", query).stderr


def test_mlflow_answers_only_to_its_names(running: stack.Stack) -> None:
    address = f"http://{running.address}:5000/api/2.0/mlflow/experiments/search?max_results=1"
    elsewhere = {"Host": "elsewhere.example.org"}
    answer = requests.get(address, headers=elsewhere, auth=MLFLOW_USER, timeout=30)
    assert answer.status_code == 403


def test_a_flow_asked_for_at_the_server_is_in_both_databases(
    running: stack.Stack, flow_run: dict[str, Any]
) -> None:
    def rows(database: str, query: str) -> str:
        words = ["psql", "--host=localhost", "--username=spikeseg", "--tuples-only", "--no-align"]
        words += ["--command", query, database]
        done = running.run(
            "postgres", ["env", f"PGPASSWORD={SECRETS['POSTGRES_PASSWORD']}", *words]
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    state = f"SELECT state_type FROM flow_run WHERE id = '{flow_run['id']}'"
    assert rows("prefect", state) == "COMPLETED"
    tagged = f"SELECT count(*) FROM tags WHERE value = '{flow_run['id']}'"
    assert rows("mlflow", tagged) == "1"
    assert rows("mlflow_auth", "SELECT username FROM users WHERE is_admin") == "spikeseg"


def test_its_events_went_through_redis_to_the_services(
    flow_run: dict[str, Any], prefect: Callable[..., Any]
) -> None:
    wanted = {
        "event": {"name": ["prefect.flow-run.Completed"]},
        "resource": {"id": [f"prefect.flow-run.{flow_run['id']}"]},
    }
    assert eventually(lambda: prefect("/events/filter", {"filter": wanted})["events"], 30)


def test_its_artifacts_went_through_the_server(
    flow_run: dict[str, Any], mlflow: Callable[..., Any], running: stack.Stack
) -> None:
    by_flow_run = f"tags.`prefect.flow_run_id` = '{flow_run['id']}'"
    (experiment,) = (
        each
        for each in mlflow("/mlflow/experiments/search?max_results=10")["experiments"]
        if each["name"] == "spikeseg"
    )
    found = mlflow(
        "/mlflow/runs/search",
        {"experiment_ids": [experiment["experiment_id"]], "filter": by_flow_run},
    )
    (run,) = found["runs"]
    assert run["info"]["status"] == "FINISHED"
    assert {"key": "git.commit", "value": "0123abcd"} in run["data"]["tags"]
    where = run["info"]["artifact_uri"]
    assert where.startswith("mlflow-artifacts:")
    path = f"/mlflow-artifacts/artifacts/{where.split(':/', 1)[1].lstrip('/')}/stage/dataset.json"
    assert mlflow(path)["source"] == "synthetic"
    kept = running.here("mlflow", "/mlflow-artifacts")
    assert list(Path(kept).rglob("dataset.json"))


def test_the_run_links_to_pages_that_a_browser_finds(
    flow_run: dict[str, Any], prefect: Callable[..., Any], running: stack.Stack
) -> None:
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run["id"]]}}}
    texts = [str(artifact["data"]) for artifact in prefect("/artifacts/filter", wanted)]
    assert any(f"http://{running.address}:5000/#/experiments/" in text for text in texts)
