from __future__ import annotations

import pytest

from tasks.mlflow import pages
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


def test_the_table_of_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGE_VARIABLE, raising=False)
    server = "http://127.0.0.1:5000"
    monkeypatch.setattr(
        pages, "number_of", lambda *asked: {(server, "spikeseg", None): "7"}.get(asked)
    )
    view = f"{QUERY}&viewStateShareKey=headline"
    assert runs_page(server, "spikeseg") == f"{server}/#/experiments/7/runs{view}"
    assert runs_page(server, "another") == f"{server}/#/experiments{QUERY}"
    monkeypatch.setenv(PAGE_VARIABLE, "http://host:1/")
    assert runs_page(server, "spikeseg") == f"http://host:1/#/experiments/7/runs{view}"
