from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from mlflow.tracking import MlflowClient

from tasks.local import state
from tasks.local.password import authorization
from tasks.mlflow import experiment
from tasks.mlflow.headline import headline
from tasks.mlflow.store import STAGE_TAG, Run, store

VIEW_TAG = "mlflow.sharedViewState.headline"


class Mlflow:
    """The part of MLflow's server that keeps experiments."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.key: str | None = None
        mlflow = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if mlflow.key not in (None, self.headers["Authorization"]):
                    self._answer(401, {})
                    return
                (name,) = parse_qs(urlparse(self.path).query)["experiment_name"]
                found = mlflow.known.get(name)
                self._answer(200 if found else 404, {"experiment": found})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/create"):
                    mlflow.known[asked["name"]] = {"experiment_id": "7", "tags": asked["tags"]}
                    self._answer(200, {"experiment_id": "7"})
                    return
                tag = {"key": asked["key"], "value": asked["value"]}
                for each in mlflow.known.values():
                    others = [t for t in each["tags"] if t["key"] != tag["key"]]
                    each["tags"] = [*others, tag]
                self._answer(200, {})

            def _answer(self, code: int, body: dict[str, Any]) -> None:
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def tags(self, name: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.known[name]["tags"]}


@pytest.fixture
def mlflow() -> Iterator[Mlflow]:
    running = Mlflow()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_new_server_gets_the_experiment_with_its_view(mlflow: Mlflow) -> None:
    assert experiment.number_of(mlflow.address, "spikeseg") == "7"
    assert mlflow.tags("spikeseg") == experiment.ABOUT


def test_an_old_experiment_gets_what_it_lacks_and_keeps_its_description(mlflow: Mlflow) -> None:
    own = [{"key": "mlflow.note.content", "value": "mine"}, {"key": VIEW_TAG, "value": "{}"}]
    mlflow.known["spikeseg"] = {"experiment_id": "7", "tags": own}
    assert experiment.number_of(mlflow.address + "/", "spikeseg") == "7"
    assert mlflow.tags("spikeseg") == experiment.ABOUT | {"mlflow.note.content": "mine"}


def test_a_server_behind_a_password(mlflow: Mlflow) -> None:
    mlflow.key = authorization("me:secret")["Authorization"]
    assert experiment.number_of(mlflow.address, "spikeseg") is None
    assert experiment.number_of(mlflow.address, "spikeseg", "me:secret") == "7"


def test_a_server_that_does_not_answer_has_none() -> None:
    assert experiment.number_of("http://127.0.0.1:9", "spikeseg") is None


def test_the_view_shows_pipelines_with_headline_figures(summary: dict[str, Any]) -> None:
    view = json.loads(experiment.ABOUT[VIEW_TAG])
    assert view["searchFilter"] == f"tags.`{STAGE_TAG}` = 'pipeline'"
    scores = dict.fromkeys(("test/pixel_accuracy", "test/v_rand"), 0.9)
    rates = {"spikes/mean_rate_hz": 17.0}
    summary["stages"] = {"ann": scores, "loihi": scores | rates}
    summary["mapping"]["metrics"]["mapping/interchip_messages_per_step"] = 1.0
    summary["energy"]["steps"] = 20
    cpu = {"family": "cpu", "variant": "", "precision": "int8", "feed": "tiles"}
    cpu |= {"batch": 1, "component": "total", "mj_per_section": 2.0}
    summary["energy"]["figures"].append(cpu)
    assert {*experiment.FIGURES} <= headline(summary).keys()


def test_a_run_gives_an_old_experiment_its_view(home: Path) -> None:
    client = MlflowClient(state.tracking_uri())
    number = client.create_experiment(state.experiment(), tags={"mlflow.note.content": "mine"})
    Run.create(store(), "one", {}, None)
    tags = client.get_experiment(number).tags
    assert {key: tags[key] for key in experiment.ABOUT} == experiment.ABOUT | {
        "mlflow.note.content": "mine"
    }
