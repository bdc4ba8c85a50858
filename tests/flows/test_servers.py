from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from flows import servers, stages
from flows.pipeline import pipeline
from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.presets import preset
from tasks import registry, state

FILE = servers.ROOT / "deployments" / "prefect.yaml"


def by_name(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in content["deployments"]}


def test_every_stage_and_preset_can_be_started() -> None:
    found = by_name(yaml.safe_load(FILE.read_text()))
    assert set(found) == {"quick", "paper", *registry.STAGES}
    for name, deployment in found.items():
        path, _, function = deployment["entrypoint"].partition(":")
        assert (servers.ROOT / path).is_file()
        assert hasattr(stages, function) if name in registry.STAGES else function == "pipeline"
    assert [s["active"] for s in found["benchmark"]["schedules"]] == [False]


def test_registered_forms_hold_the_presets_own_values() -> None:
    content = servers.deployments()
    for name in ("quick", "paper"):
        parameters = by_name(content)[name]["parameters"]
        assert PipelineConfig.model_validate(parameters["config"]) == preset(name)
        pipeline.validate_parameters(parameters)
    (step,) = content["pull"]
    assert step["prefect.deployments.steps.set_working_directory"]["directory"] == str(servers.ROOT)


def test_no_machine_is_named_in_the_file() -> None:
    assert str(servers.ROOT) not in FILE.read_text()


def test_outside_of_a_checkout_there_is_nothing_to_register(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "DEPLOYMENTS", tmp_path / "prefect.yaml")
    with pytest.raises(SpikeSegError, match=r"prefect\.yaml is missing"):
        servers.deployments()


class TestServer:
    def test_it_answers_and_is_stopped(self, home: Path, unused_port: int) -> None:
        server = servers.Server("web", ["http.server", str(unused_port)], {})
        server.wait_for(f"http://{servers.HOST}:{unused_port}/pyproject.toml")
        assert not server.ended
        server.stop()
        assert server.ended

    def test_one_that_ends_shows_its_log(self, home: Path, unused_port: int) -> None:
        server = servers.Server("broken", ["no_such_module"], {})
        with pytest.raises(SpikeSegError, match=r"(?s)broken does not answer.*No module named"):
            server.wait_for(f"http://{servers.HOST}:{unused_port}/")


def test_a_taken_port_is_refused_before_anything_starts(home: Path, unused_port: int) -> None:
    with socket.socket() as other:
        other.bind((servers.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {taken} .* with --mlflow-port"):
            servers.up(unused_port, taken)
    assert not (home / "logs").exists()


def test_ports_that_are_none(home: Path, unused_port: int) -> None:
    with pytest.raises(ConfigError, match=r"port 99999 .* with --prefect-port"):
        servers.up(99999, unused_port)
    with pytest.raises(ConfigError, match="are the same port"):
        servers.up(unused_port, unused_port)


def test_servers_that_run_already_stay_as_they_are(
    home: Path, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = {"PREFECT_API_URL": "http://here:1/api", "MLFLOW_TRACKING_URI": "http://here:2"}
    monkeypatch.setattr(state, "running_servers", lambda here: noted)
    with pytest.raises(ConfigError, match="run already, Prefect at http://here:1/api"):
        servers.up(unused_port, unused_port + 1)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind((servers.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.mark.e2e
def test_up_starts_everything_and_ctrl_c_stops_it(tmp_path: Path, unused_port: int) -> None:
    import json
    import os
    import subprocess
    import time
    from urllib.request import urlopen

    home = tmp_path / "state"
    ports = ["--prefect-port", str(unused_port), "--mlflow-port", str(unused_port + 1)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from flows.cli import main; main()", "up", *ports],
        env={**os.environ, "SPIKESEG_HOME": str(home)},
        cwd=servers.ROOT,
    )
    try:
        deadline = time.monotonic() + 240
        while not (home / "logs" / "worker.log").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(1)
        noted = json.loads((home / "servers.json").read_text())
        request = f"{noted['environment']['PREFECT_API_URL']}/health"
        with urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        page = f"http://{servers.HOST}:{unused_port}/ui-settings"
        with urlopen(page, timeout=10) as answer:
            asks = json.load(answer)["api_url"]
        assert asks == noted["environment"]["PREFECT_API_URL"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert not (home / "servers.json").exists()
    with pytest.raises(OSError):
        urlopen(request, timeout=5)
