"""Attempts on the stack: without a password, from elsewhere, as the worker, by planted files."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import requests

from tasks.local.password import authorization
from tests.docker import stack
from tests.docker.conftest import (
    MLFLOW_USER,
    NEEDS_STACK,
    PREFECT_USER,
    SECRETS,
    TINY,
    WORKER,
    eventually,
)

pytestmark = NEEDS_STACK
ELSEWHERE = {"Origin": "http://elsewhere.example.org"}
API = ":5000/api/2.0/mlflow"
TOKEN = ":".join(PREFECT_USER)


NO_ROUTE = re.compile(r'{"detail":"(Not Found|Method Not Allowed)"}|.*<title>40[45] .*', re.DOTALL)
"""Answer of both frameworks where they have no such address; a missing thing is told otherwise."""


# -- without a password -------------------------------------------------------------------------


def routes_of_prefect() -> set[tuple[str, str]]:
    from prefect.server.api.server import create_app

    paths = create_app().openapi()["paths"]
    return {(method.upper(), f"/api{path}") for path, known in paths.items() for method in known}


def routes_of_mlflow() -> set[tuple[str, str]]:
    from mlflow.server import app
    from mlflow.server.auth import routes
    from mlflow.server.fastapi_app import app as outer

    found = {
        (method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()
    }
    found |= {
        (method, each.path)  # type: ignore[attr-defined]
        for each in outer.routes
        for method in getattr(each, "methods", None) or ()
    }
    users = {path for name, path in vars(routes).items() if name.isupper()}
    found |= {(m, p) for p in users for m in ("GET", "POST", "PATCH", "DELETE")}
    return {(method, path) for method, path in found if method != "HEAD"}  # it has no text


def filled(path: str) -> str:
    return re.sub(r"<[^>]*>|\{[^}]*\}", "1", path)


def answered(address: str, port: int, routes: set[tuple[str, str]]) -> set[str]:
    """Routes that answer a request with no password and an empty body."""
    found, session = set(), requests.Session()
    assert len(routes) > 150
    for method, path in sorted(routes):
        answer = session.request(
            method, f"http://{address}:{port}{filled(path)}", json={}, timeout=60
        )
        if answer.status_code != 401 and not NO_ROUTE.fullmatch(answer.text):
            found.add(f"{method} {path}")
    return found


def test_every_route_of_prefect_wants_the_password(running: stack.Stack) -> None:
    open_ones = answered(running.address, 4200, routes_of_prefect())
    assert open_ones == {"GET /api/health", "GET /api/ready"}


def test_every_route_of_mlflow_wants_a_password(running: stack.Stack) -> None:
    open_ones = answered(running.address, 5000, routes_of_mlflow())
    harmless = re.compile(r".* (/health|/version|/static-files/.*|.*/server-info)")
    assert not [route for route in sorted(open_ones) if not harmless.fullmatch(route)]


@pytest.mark.parametrize(
    ("port", "path"),
    [
        (4200, "//api/flows/filter"),
        (4200, "/api/health/../flows/filter"),
        (4200, "/api/ready/../admin/settings"),
        (4200, "/api/flows/filter#/health"),
        (4200, "/api/variables/name/health"),
        (5000, "/static/../api/2.0/mlflow/experiments/search?max_results=1"),
        (5000, "/static/%2e%2e/api/2.0/mlflow/experiments/search?max_results=1"),
        (5000, "/health/../api/2.0/mlflow/experiments/search?max_results=1"),
        (5000, "//api/2.0/mlflow/experiments/search?max_results=1"),
        (5000, "/api/2.0/mlflow/experiments/search?max_results=1&x=/health"),
        (5000, "/static-files/../../../../../../etc/passwd"),
        (5000, "/static-files/..%2f..%2f..%2f..%2fetc/passwd"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_spelling_of_a_path_gets_by(
    running: stack.Stack, port: int, path: str, method: str
) -> None:
    """Sent as it is: `requests` would take the dots away."""
    headers = {"Content-Type": "application/json"}
    status, text = sent(running, port, method, path, body=b"{}", headers=headers)
    assert status != 200 or "<html" in text.lower(), text
    assert "experiment_id" not in text
    assert "root:" not in text


def sent(
    running: stack.Stack, port: int, method: str, path: str, **content: Any
) -> tuple[int, str]:
    """Status and text of the answer."""
    connection = http.client.HTTPConnection(running.address, port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, **content)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


@pytest.mark.parametrize(
    "path",
    [
        "/api/events/in",
        "/api/events/out",
        "/api/logs/out",
        "/api/task_runs/subscriptions/scheduled",
        "/api/work_pools/spikeseg/workers/connect",
    ],
)
@pytest.mark.parametrize("spoken", [True, False])
@pytest.mark.parametrize("token", [None, "spikeseg:wrong"])
def test_no_socket_opens_without_the_password(
    running: stack.Stack, path: str, spoken: bool, token: str | None
) -> None:
    assert not asyncio.run(greeted(running, path, spoken, token))


def test_a_socket_opens_with_the_password(running: stack.Stack) -> None:
    assert asyncio.run(greeted(running, "/api/events/out", True, TOKEN))


async def greeted(running: stack.Stack, path: str, spoken: bool, token: str | None) -> bool:
    import websockets

    address = f"ws://{running.address}:4200{path}"
    try:
        async with websockets.connect(
            address, subprotocols=["prefect"] if spoken else None, proxy=None
        ) as socket:
            await socket.send(json.dumps({"type": "auth", "token": token}))
            return bool(json.loads(await socket.recv())["type"] == "auth_success")
    except websockets.exceptions.WebSocketException:
        return False


# -- from another origin ------------------------------------------------------------------------


@pytest.mark.parametrize("port", [4200, 5000])
def test_other_origins_may_not_read(running: stack.Stack, port: int) -> None:
    path = "/api/admin/version" if port == 4200 else "/api/2.0/mlflow/experiments/search"
    user = PREFECT_USER if port == 4200 else MLFLOW_USER
    address = f"http://{running.address}:{port}{path}"
    ask = {**ELSEWHERE, "Access-Control-Request-Method": "POST"}
    ask["Access-Control-Request-Headers"] = "authorization,content-type"
    for answer in (
        requests.get(address, params={"max_results": 1}, headers=ELSEWHERE, auth=user, timeout=60),
        requests.options(address, headers=ask, timeout=60),
    ):
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed not in ("*", ELSEWHERE["Origin"])


def test_mlflow_takes_no_order_of_another_origin(running: stack.Stack) -> None:
    """A browser sends the user's password by itself once it knows it."""
    for path in ("/api/2.0/mlflow/experiments/create", "/ajax-api/2.0/mlflow/experiments/create"):
        answer = requests.post(
            f"http://{running.address}:5000{path}",
            json={"name": "planted"},
            headers=ELSEWHERE,
            auth=MLFLOW_USER,
            timeout=60,
        )
        assert answer.status_code == 403


# -- as the worker ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{API}/users/create", {"username": "mine", "password": "mine" * 4}),
        ("GET", f"{API}/users/get?username=spikeseg", None),
        ("PATCH", f"{API}/users/update-admin", {"username": "worker", "is_admin": True}),
        (
            "PATCH",
            f"{API}/users/update-password",
            {"username": "spikeseg", "password": "mine" * 4},
        ),
        ("DELETE", f"{API}/users/delete", {"username": "spikeseg"}),
        ("POST", f"{API}/webhooks", {"name": "x", "url": "http://127.0.0.1:1", "events": []}),
        ("POST", f"{API}/gateway/secrets/create", {"secret_name": "x", "secret_value": {"a": "b"}}),
        ("POST", f"{API}/experiments/delete", {"experiment_id": "1"}),
        ("POST", f"{API}/experiments/delete", {"experiment_id": "0"}),
        ("POST", f"{API}/experiments/update", {"experiment_id": "0", "new_name": "mine"}),
    ],
)
def test_the_worker_is_no_administrator_of_mlflow(
    running: stack.Stack, method: str, path: str, body: dict[str, Any] | None
) -> None:
    address = f"http://{running.address}{path}"
    answer = requests.request(method, address, json=body, auth=WORKER, timeout=60)
    assert answer.status_code == 403, (answer.status_code, answer.text)


def as_worker(running: stack.Stack, method: str, path: str, body: Any = None) -> requests.Response:
    address = f"http://{running.address}{path}"
    return requests.request(method, address, json=body, auth=WORKER, timeout=60)


@pytest.mark.parametrize("where", ["file:///etc", "/etc", "mlflow-artifacts:/../../../../etc"])
def test_nobody_reads_files_of_the_server(running: stack.Stack, where: str) -> None:
    """By an experiment, or a version of a model, whose artifacts would lie there."""
    name = re.sub(r"\W", "-", where)
    made = as_worker(
        running, "POST", f"{API}/experiments/create", {"name": name, "artifact_location": where}
    )
    texts = [made.text]
    if made.ok:
        wanted = {"experiment_id": made.json()["experiment_id"]}
        run = as_worker(running, "POST", f"{API}/runs/create", wanted).json()["run"]["info"]
        for path in ("passwd", "../etc/passwd", "/etc/passwd"):
            asked = f":5000/get-artifact?run_uuid={run['run_id']}&path={path}"
            texts.append(as_worker(running, "GET", asked).text)
    as_worker(running, "POST", f"{API}/registered-models/create", {"name": name})
    version = as_worker(
        running, "POST", f"{API}/model-versions/create", {"name": name, "source": where}
    )
    if version.ok:
        asked = f":5000/model-versions/get-artifact?name={name}&version=1&path=passwd"
        texts.append(as_worker(running, "GET", asked).text)
    assert not [text for text in texts if "root:" in text]


@pytest.mark.parametrize("path", ["../planted", "%2e%2e/planted", "..%2f..%2fplanted", "//planted"])
def test_no_artifact_lands_elsewhere(running: stack.Stack, path: str) -> None:
    where = f"/api/2.0/mlflow-artifacts/artifacts/{path}"
    sent(running, 5000, "PUT", where, body=b"planted", headers=authorization(":".join(WORKER)))
    kept = Path(running.here("mlflow", "/mlflow-artifacts"))
    outside = [each for each in running.folder.rglob("planted") if kept not in each.parents]
    assert not outside


def test_the_worker_may_do_what_runs_do(
    running: stack.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log, register, name a champion and a challenger, in models of others, too."""
    from mlflow.tracking import MlflowClient

    address = f"http://{running.address}:5000"

    def as_user(user: tuple[str, str]) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user[0])
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", user[1])

    client = MlflowClient(address)
    as_user(MLFLOW_USER)
    client.create_registered_model("quick")
    as_user(WORKER)
    experiment = client.get_experiment_by_name("spikeseg")
    run = client.create_run(experiment.experiment_id)
    client.log_metric(run.info.run_id, "test/v_rand", 0.5)
    client.log_text(run.info.run_id, "text", "file.txt")
    for name in ("quick", "paper"):
        if name != "quick":
            client.create_registered_model(name)
        made = client.create_model_version(name, run.info.artifact_uri, run.info.run_id)
        client.set_model_version_tag(name, made.version, "a", "b")
        client.set_registered_model_alias(name, "challenger", made.version)
        client.delete_registered_model_alias(name, "challenger")
    client.set_terminated(run.info.run_id)
    assert client.get_run(run.info.run_id).info.status == "FINISHED"


# -- files and the environment ------------------------------------------------------------------


def test_no_password_is_in_an_argument_of_a_process(running: stack.Stack) -> None:
    arguments = [word for each in processes(running) for word in each.cmdline()]
    assert not [word for word in arguments if any(secret in word for secret in SECRETS.values())]


def test_the_worker_knows_only_its_own_passwords(running: stack.Stack) -> None:
    worker = psutil.Process(running.started["worker"].pid)
    values = " ".join(worker.environ().values())
    known = {name for name, secret in SECRETS.items() if secret in values}
    assert known == {"PREFECT_PASSWORD", "MLFLOW_WORKER_PASSWORD"}


def processes(running: stack.Stack) -> Iterator[psutil.Process]:
    for each in running.started.values():
        if each.poll() is None:
            top = psutil.Process(each.pid)
            yield from (top, *top.children(recursive=True))


class Planted:
    """Runs a command where it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (self.command,)


def test_nothing_in_the_state_folder_is_executed(
    running: stack.Stack, flow_run: dict[str, Any], prefect: Callable[..., Any], tmp_path: Path
) -> None:
    proof = tmp_path / "executed"
    home = Path(running.here("worker", "/state"))
    bomb = pickle.dumps(Planted(f"touch {proof}"))
    code = f"import os\nos.system('touch {proof}')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "prefect.py", "spikeseg_core.py", "x.pth"):
        (home / name).write_text(code)
    (home / ".numba_config.yaml").write_text(f"CACHE_DIR: {home}\n")
    logging = {"version": 1, "handlers": {"x": {"()": "os.system", "command": f"touch {proof}"}}}
    (home / "prefect").mkdir(exist_ok=True)
    settings = home / "prefect" / "logging.yml"
    settings.write_text(json.dumps(logging))
    profile = f'active = "x"\n[profiles.x]\nPREFECT_LOGGING_SETTINGS_PATH = "{settings}"\n'
    (home / "prefect" / "profiles.toml").write_text(profile)
    (home / "servers.json").write_text(
        json.dumps({"environment": {"PYTHONPATH": str(home)}, "health": [], "processes": {}})
    )
    stored = [each for each in home.rglob("*") if each.is_file() and "storage" in each.parts]
    for each in stored:
        each.write_bytes(bomb)
    for folder in (home / "stages").glob("prepare-*"):
        (folder / "planted.pkl").write_bytes(bomb)
        (folder / "stage.json").write_bytes(bomb)
    deployment = prefect("/deployments/name/prepare/prepare")
    asked = prefect(
        f"/deployments/{deployment['id']}/create_flow_run", {"parameters": {"dataset": TINY}}
    )

    def ended() -> Any:
        state = prefect(f"/flow_runs/{asked['id']}")["state_type"]
        return state if state in ("COMPLETED", "FAILED", "CRASHED") else None

    assert eventually(ended, 300) == "COMPLETED"
    assert not proof.exists()
