"""`spikeseg up`: a Prefect server, an MLflow server and a worker on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml  # type: ignore[import-untyped]
from rich.console import Console

from flows.settings import configured
from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.storage import write_json, write_text
from tasks import state

ROOT = Path(__file__).resolve().parents[1]
DEPLOYMENTS = ROOT / "deployments" / "prefect.yaml"
POOL = "spikeseg"
START_SECONDS = 180.0
HOST = "127.0.0.1"


class Server:
    """One process that is started here, with its log in the state folder."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = state.current().home / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **environment},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def wait_for(self, address: str) -> None:
        """Wait until the address answers.

        Raises
        ------
        SpikeSegError
            If the process ends, or nothing answers in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self.ended:
            try:
                with urlopen(address, timeout=2) as answer:
                    answer.read()
                return
            except OSError:
                time.sleep(0.5)
        raise SpikeSegError(
            f"{self.name} does not answer at {address} "
            f"({'it ended' if self.ended else f'{START_SECONDS:.0f} s passed'}); its log is "
            f"{self.log}:\n{_tail(self.log)}\nIs the port taken? Choose another one."
        )

    def stop(self) -> None:
        """Stop the process and those it started."""
        if self.ended:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=15)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-12:])


def up(prefect_port: int, mlflow_port: int, worker: bool = True) -> None:
    """Start everything, print where it is, and stop everything on Ctrl-C.

    Raises
    ------
    ConfigError
        If a port is taken, or servers of this state folder run already.
    SpikeSegError
        If a server does not start, or ends.
    """
    here = state.current()
    if running := state.running_servers(here):
        raise ConfigError(
            f"servers of {here.home} run already, Prefect at {running['PREFECT_API_URL']} and "
            f"MLflow at {running['MLFLOW_TRACKING_URI']}; stop that `spikeseg up` first"
        )
    check_ports({"--prefect-port": prefect_port, "--mlflow-port": mlflow_port})
    console = Console(highlight=False)
    prefect_page, mlflow_page = f"http://{HOST}:{prefect_port}", f"http://{HOST}:{mlflow_port}"
    environment = {
        "PREFECT_API_URL": f"{prefect_page}/api",
        "MLFLOW_TRACKING_URI": mlflow_page,
        state.HOME_VARIABLE: str(here.home),
    }
    # Its page asks port 4200 otherwise, whatever port the server listens on.
    page_settings = {"PREFECT_SERVER_UI_API_URL": environment["PREFECT_API_URL"]}
    started: list[Server] = []
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell that starts this in the background has it ignore Ctrl-C's signal; it has to stop all.
    signal.signal(signal.SIGINT, _interrupt)
    try:
        console.print("starting Prefect and MLflow ...")
        prefect_server = Server("prefect", _prefect_command(prefect_port), page_settings)
        started.append(prefect_server)
        mlflow_server = Server("mlflow", _mlflow_command(here, mlflow_port), {})
        started.append(mlflow_server)
        prefect_server.wait_for(f"{prefect_page}/api/health")
        mlflow_server.wait_for(f"{mlflow_page}/health")
        health = [f"{prefect_page}/api/health", f"{mlflow_page}/health"]
        write_json(here.servers_file, {"environment": environment, "health": health})
        register(environment)
        if worker:
            command = ["prefect", "worker", "start", "--pool", POOL, "--type", "process"]
            started.append(Server("worker", command, environment))
        console.print(f"Prefect   {prefect_page}")
        console.print(f"MLflow    {mlflow_page}")
        console.print(f"state     {here.home}", soft_wrap=True)
        console.print("`spikeseg run` in another terminal uses these servers. Ctrl-C stops them.")
        _watch(started)
    except KeyboardInterrupt:
        console.print("stopping ...")
    finally:
        here.servers_file.unlink(missing_ok=True)
        for server in reversed(started):
            server.stop()


def check_ports(ports: Mapping[str, int]) -> None:
    """Refuse ports that cannot be listened on; what answers there would be somebody else's server.

    Raises
    ------
    ConfigError
        If a port, by its option, is taken, named twice or none.
    """
    if len(set(ports.values())) < len(ports):
        raise ConfigError(f"{' and '.join(ports)} are the same port; choose two")
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                raise ConfigError(
                    f"nothing can listen on port {port} of {HOST} ({error}); choose another one "
                    f"with {option}"
                ) from error


def _watch(servers: list[Server]) -> None:
    while True:
        for server in servers:
            if server.ended:
                raise SpikeSegError(
                    f"{server.name} ended; its log is {server.log}:\n{_tail(server.log)}"
                )
        time.sleep(1.0)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _prefect_command(port: int) -> list[str]:
    return ["prefect", "server", "start", "--host", HOST, "--port", str(port)]


def _mlflow_command(here: state.State, port: int) -> list[str]:
    return [
        *("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", here.mlflow_database),
        *("--artifacts-destination", here.mlflow_artifacts.as_uri()),
    ]


def register(environment: Mapping[str, str]) -> None:
    """Register all deployments with the Prefect server that the environment names.

    Raises
    ------
    SpikeSegError
        If Prefect refuses; its words are in the message.
    """
    file = state.current().home / "prefect.yaml"
    write_text(file, yaml.safe_dump(deployments(), sort_keys=False))
    pool = ["work-pool", "create", POOL, "--type", "process", "--overwrite"]
    for words in (pool, ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            env={**os.environ, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SpikeSegError(f"prefect {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def deployments() -> dict[str, Any]:
    """``deployments/prefect.yaml`` for this checkout, with the presets' values filled in.

    Prefect's form then shows the preset's own values.
    """
    if not DEPLOYMENTS.is_file():
        raise SpikeSegError(
            f"{DEPLOYMENTS} is missing: `spikeseg up` registers the deployments of a checkout; "
            f"run it from one"
        )
    content: dict[str, Any] = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))
    for step in content["pull"]:
        step["prefect.deployments.steps.set_working_directory"]["directory"] = str(ROOT)
    for deployment in content["deployments"]:
        preset = deployment.get("parameters", {}).get("config", {}).get("preset")
        if preset is not None:
            deployment["parameters"]["config"] = configured(preset).model_dump(mode="json")
    return content
