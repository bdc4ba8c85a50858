from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tasks.mlflow.pages import PAGE_VARIABLE, run_link, run_page, runs_page

QUERY = "?workflowType=machine_learning"


def test_a_run_opens_in_the_view_of_training_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGE_VARIABLE, raising=False)
    page = f"http://host:5000/#/experiments/1/runs/0a1b{QUERY}"
    assert run_page("http://host:5000/", "1", "0a1b") == page
    assert run_link("http://host:5000", "1", "0a1b") == f"[0a1b]({page})"
    artifacts = f"http://host:5000/#/experiments/1/runs/0a1b/artifacts{QUERY}"
    assert run_page("http://host:5000", "1", "0a1b", "artifacts") == artifacts


def test_in_a_container_the_browsers_address_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PAGE_VARIABLE, "http://localhost:5000/")
    page = f"http://localhost:5000/#/experiments/1/runs/0a1b{QUERY}"
    assert run_page("http://mlflow:5000", "1", "0a1b") == page


def test_without_a_server_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PAGE_VARIABLE, "http://localhost:5000")
    assert run_page("sqlite:///mlflow.db", "1", "0a1b") is None
    assert run_link("sqlite:///mlflow.db", "1", "0a1b") == "`0a1b` in `sqlite:///mlflow.db`"


@pytest.fixture
def server() -> Iterator[str]:
    """An MLflow server that knows the experiment ``spikeseg`` only, as number 7."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.endswith("/experiments/get-by-name?experiment_name=spikeseg")
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"experiment": {"experiment_id": "7"}}).encode())

        def log_message(self, *words: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_the_table_of_runs(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGE_VARIABLE, raising=False)
    assert runs_page(server, "spikeseg") == f"{server}/#/experiments/7/runs{QUERY}"
    assert runs_page(server, "another") == f"{server}/#/experiments{QUERY}"
    assert runs_page("http://127.0.0.1:9", "spikeseg").endswith(f":9/#/experiments{QUERY}")
