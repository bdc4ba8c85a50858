"""`spikeseg up`, `status` and `down`: Prefect, MLflow and a worker on this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.text import Text

from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.storage import write_json
from tasks.local import origin, state
from tasks.local.databases import check_databases
from tasks.local.lost_runs import end_lost_runs, end_runs_without_process
from tasks.local.password import USER, password_in, variables
from tasks.local.posting import post
from tasks.local.process import STOP_SECONDS, Server, answers, is_alive, stop_tree, tail
from tasks.local.registration import POOL, POOL_TYPE, register
from tasks.mlflow.pages import runs_page
from tasks.terminal import plain_console

START_SECONDS = 180.0
WORKER_SECONDS = 30.0
"""A process that ends sooner than this after its start is not started again."""
SECONDS_BETWEEN_LOOKS = 30.0
"""How often runs are looked for that have taken a place in the pool and never began."""
HOST = "127.0.0.1"
WORKER = "spikeseg-up"
GATE = "spikeseg"
"""MLflow's server behind a password (``tasks/mlflow/gate.py``), as named in ``pyproject.toml``."""
PREFECT_PORT = 4200
MLFLOW_PORT = 5000


@dataclass(frozen=True)
class Noted:
    """What `spikeseg up` writes to ``servers.json``."""

    environment: dict[str, str]
    health: list[str]
    processes: dict[str, tuple[int, float]]
    """By name: process id and time of creation, because ids are reused."""

    @classmethod
    def read(cls, here: state.State) -> Noted | None:
        """Read the state folder's ``servers.json``, if there is one that is to be believed."""
        noted = state.noted_servers(here)
        return cls(**noted) if noted is not None else None

    @property
    def password(self) -> str | None:
        """``user:password`` of both servers; None if a version without one started them."""
        return self.environment.get("PREFECT_API_AUTH_STRING")

    @property
    def prefect(self) -> str:
        """Address of Prefect's page."""
        return self.environment["PREFECT_API_URL"].removesuffix("/api")

    @property
    def mlflow(self) -> str:
        """Address of MLflow's page."""
        return self.environment["MLFLOW_TRACKING_URI"]

    def alive(self) -> dict[str, int]:
        """Process ids, by name, of the processes that still run."""
        return {name: pid for name, (pid, at) in self.processes.items() if is_alive(pid, at)}


def up(
    prefect_port: int | None = None,
    mlflow_port: int | None = None,
    worker: bool = True,
    when_ready: Callable[[str], object] | None = None,
) -> None:
    """Start the servers and a worker, print their addresses, and stop them all on Ctrl-C.

    ``when_ready`` is given the addresses of both pages.

    If they are running already, only the addresses are printed. Ports default to 4200 and 5000,
    or to free ones if these are taken.

    Raises
    ------
    ConfigError
        If a requested port is taken, or a database is of another version.
    SpikeSegError
        If a server does not start, or ends.
    """
    here = state.current()
    console = plain_console()
    with _only_one(here) as first:
        if not first:
            console.print("already running:")
            noted = _wait_for_note(here)
            _show(console, here, noted)
            _tell(when_ready, noted)
            return
        _clear_away(here)
        _own_database(console)
        check_databases()
        ports = choose_ports(prefect_port, mlflow_port)
        signal.signal(signal.SIGTERM, _interrupt)
        # In the background a shell would have it ignore Ctrl-C, but it has to stop everything.
        signal.signal(signal.SIGINT, _interrupt)
        _Stack(here, console, *ports, when_ready).run(worker)


def _own_database(console: Console) -> None:
    """Start with a database that was made here: the worker runs what is scheduled in it."""
    file = origin.database()
    if file is None:
        return
    if (aside := origin.set_aside_if_foreign(file)) is not None:
        console.print(
            f"Prefect's database was not made here, and a worker would run what waits in it; it is "
            f"now {aside}, and a new one begins. Stages and MLflow's runs stay. If it is yours, "
            f"move it back to {file} and start with {origin.TRUST}=1",
            soft_wrap=True,
        )
    origin.begin(file)


class _Stack:
    """The processes of one `spikeseg up`."""

    def __init__(
        self,
        here: state.State,
        console: Console,
        prefect_port: int,
        mlflow_port: int,
        when_ready: Callable[[str], object] | None = None,
    ) -> None:
        self.when_ready = when_ready
        self.here = here
        self.console = console
        self.ports = prefect_port, mlflow_port
        self.prefect = f"http://{HOST}:{prefect_port}"
        self.mlflow = f"http://{HOST}:{mlflow_port}"
        self.password = password_in(here.password_file)
        self.environment = {
            "PREFECT_API_URL": f"{self.prefect}/api",
            "MLFLOW_TRACKING_URI": self.mlflow,
            state.HOME_VARIABLE: str(here.home),
            **variables(self.password),
        }
        self.health: list[str] = []
        self.servers: dict[str, Server] = {}

    def run(self, worker: bool) -> None:
        """Start, watch until interrupted, stop."""
        try:
            self._start(worker)
            self._watch()
        except KeyboardInterrupt:
            self.console.print("stopping ...")
        finally:
            for server in reversed(self.servers.values()):
                server.stop()
            self.here.servers_file.unlink(missing_ok=True)

    def _start(self, worker: bool) -> None:
        self.console.print("starting Prefect and MLflow ...")
        shutil.rmtree(self.here.home / "logs", ignore_errors=True)
        prefect_port, mlflow_port = self.ports
        # Without it Prefect's page always uses port 4200.
        page = {"PREFECT_SERVER_UI_API_URL": self.environment["PREFECT_API_URL"]}
        # No page of another origin may read answers or send JSON.
        page["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = _own_pages(self.ports[0])
        page["PREFECT_SERVER_API_AUTH_STRING"] = self.password
        health = [f"{self.prefect}/api/health", f"{self.mlflow}/health"]
        command = ["prefect", "server", "start", "--host", HOST, "--port", str(prefect_port)]
        self._add("prefect", command, page)
        # It would start seven processes for judging language models, which are not used here.
        no_judges = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        of_mlflow = {**variables(self.password), **no_judges}
        self._add("mlflow", _mlflow_command(self.here, mlflow_port), of_mlflow)
        self.servers["prefect"].wait_for(health[0])
        self._note()
        register(self.environment)
        if worker:
            self._start_worker()
        self.servers["mlflow"].wait_for(health[1])
        self.health = health
        noted = self._note()
        _show(self.console, self.here, noted)
        _tell(self.when_ready, noted)
        self.console.print("`spikeseg run` in another terminal uses them. Ctrl-C stops them.")

    def _add(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.servers[name] = Server(name, command, environment)

    def _start_worker(self) -> None:
        command = ["prefect", "worker", "start", "--pool", POOL, "--type", POOL_TYPE]
        self._add("worker", [*command, "--name", WORKER], self.environment)
        api = self.environment["PREFECT_API_URL"]
        self.servers["worker"].wait_until(lambda: worker_is_online(api, self.password))

    def _note(self) -> Noted:
        """Write ``servers.json``; other commands use the servers once ``health`` is given."""
        own = {"up": os.getpid()} | {n: server.process.pid for n, server in self.servers.items()}
        processes = {name: (pid, psutil.Process(pid).create_time()) for name, pid in own.items()}
        noted = Noted(self.environment, self.health, processes)
        write_json(self.here.servers_file, asdict(noted))
        self.here.servers_file.chmod(0o600)
        return noted

    def _watch(self) -> None:
        looked = time.monotonic()
        while True:
            for name, server in list(self.servers.items()):
                if not server.ended:
                    continue
                if time.monotonic() - server.started < WORKER_SECONDS:
                    raise SpikeSegError(
                        f"{name} ended; its log is {server.log}:\n{tail(server.log)}"
                    )
                if name == "worker":
                    self._replace_worker()
                else:
                    self._start_again(server)
            if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                self._end_what_never_began()
            time.sleep(0.5)

    def _start_again(self, server: Server) -> None:
        """Start a server that ended; the runs go on meanwhile, and report when it answers."""
        self.console.print(f"{server.name} ended; starting it again")
        again = self.servers[server.name] = server.again()
        again.wait_for(self.health[0 if server.name == "prefect" else 1])
        self._note()
        self.console.print(f"{server.name} answers again")

    def _end_what_never_began(self) -> None:
        api = self.environment["PREFECT_API_URL"]
        with suppress(OSError):  # it is looked at again
            for name in end_runs_without_process(api, WORKER, self.password):
                self.console.print(f"run {name} never began, and was ended", soft_wrap=True)

    def _replace_worker(self) -> None:
        """End the runs of a killed worker, and start another worker."""
        self.console.print("the worker ended; starting another one")
        api = self.environment["PREFECT_API_URL"]
        with suppress(OSError):  # a server is away, too; runs without heartbeats are ended later
            for name in end_lost_runs(api, self.mlflow, WORKER, self.password):
                self.console.print(
                    f"its run {name} was stopped; run it again to continue", soft_wrap=True
                )
        self._start_worker()
        self._note()


def status() -> bool:
    """Print which servers run for this state folder; False if not all of them do."""
    here = state.current()
    console = plain_console()
    noted = Noted.read(here)
    if noted is None or not noted.alive():
        console.print(f"nothing runs for {here.home}; start it with `spikeseg up`", soft_wrap=True)
        return False
    alive = noted.alive()
    works = {
        "prefect": (noted.prefect, answers(f"{noted.prefect}/api/health")),
        "mlflow": (noted.mlflow, answers(f"{noted.mlflow}/health")),
    }
    if "worker" in noted.processes:
        api = noted.environment["PREFECT_API_URL"]
        online = "prefect" in alive and worker_is_online(api, noted.password)
        works["worker"] = (f"work pool {POOL}", online)
    good = True
    for name, (where, answering) in works.items():
        runs = answering and name in alive
        good &= runs
        log = here.home / "logs" / f"{name}.log"
        word, colour = ("runs", "green") if runs else ("does not answer", "red")
        console.print(
            f"{name:<9} ", Text(word, colour), f"  {where}  log {log}", sep="", soft_wrap=True
        )
    console.print(f"state     {here.home}", soft_wrap=True)
    console.print(f"password  {_how_to_enter(here, noted)}", soft_wrap=True)
    return good


def down() -> bool:
    """Stop what `spikeseg up` started for this state folder; False if nothing was running."""
    here = state.current()
    noted = Noted.read(here)
    alive = noted.alive() if noted is not None else {}
    if "up" in alive:
        os.kill(alive["up"], signal.SIGTERM)
        psutil.wait_procs([psutil.Process(alive["up"])], timeout=4 * STOP_SECONDS)
    _clear_away(here)
    return bool(alive)


def _clear_away(here: state.State) -> None:
    """Stop the processes that a killed `spikeseg up` has left behind."""
    noted = Noted.read(here)
    if noted is not None:
        for pid in noted.alive().values():
            if pid != os.getpid():
                stop_tree(pid)
        here.servers_file.unlink(missing_ok=True)


@contextmanager
def _only_one(here: state.State) -> Iterator[bool]:
    """Lock the state folder; yields False if another `spikeseg up` holds the lock."""
    here.home.mkdir(parents=True, exist_ok=True)
    handle = os.open(here.home / "servers.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def _wait_for_note(here: state.State) -> Noted:
    """Wait until the other `spikeseg up` has started its servers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        noted = Noted.read(here)
        if noted is not None and noted.health:
            return noted
        time.sleep(0.2)
    raise SpikeSegError(
        f"another `spikeseg up` for {here.home} is not ready yet; stop it with `spikeseg down`"
    )


def _tell(when_ready: Callable[[str], object] | None, noted: Noted) -> None:
    if when_ready is not None:
        when_ready(noted.prefect)
        when_ready(noted.mlflow)


def _show(console: Console, here: state.State, noted: Noted) -> None:
    console.print(f"Prefect   {noted.prefect}")
    page = runs_page(noted.mlflow, state.experiment(), noted.password)
    console.print(f"MLflow    {page}", soft_wrap=True)
    console.print(f"state     {here.home}", soft_wrap=True)
    console.print(f"password  {_how_to_enter(here, noted)}", soft_wrap=True)


def _how_to_enter(here: state.State, noted: Noted) -> str:
    """Where the password is and how the pages want it, in one line that does not show it."""
    if noted.password is None:
        return (
            "none: an older version started these servers, and anybody on this machine can run "
            "commands through them; `spikeseg down`, then `spikeseg up`"
        )
    return (
        f"the line in {here.password_file}: Prefect's page wants it whole, MLflow's the user "
        f"{USER} and what follows the colon"
    )


def choose_ports(prefect: int | None, mlflow: int | None) -> tuple[int, int]:
    """Choose the ports: the requested ones, else the usual ones, else free ones.

    Raises
    ------
    ConfigError
        If a requested port is taken or invalid.
    """
    if prefect is not None and prefect == mlflow:
        raise ConfigError("--prefect-port and --mlflow-port are the same port; choose two")
    found: list[int] = []
    for option, named, usual in (
        ("--prefect-port", prefect, PREFECT_PORT),
        ("--mlflow-port", mlflow, MLFLOW_PORT),
    ):
        if named is not None:
            if (refused := _refused(named)) is not None:
                raise ConfigError(
                    f"cannot listen on port {named} of {HOST} ({refused}); choose another one "
                    f"with {option}, or omit it"
                )
            found.append(named)
            continue
        taken = {*found, prefect, mlflow}
        free = (p for p in range(usual, usual + 100) if p not in taken and _refused(p) is None)
        found.append(next(free))
    return found[0], found[1]


def _refused(port: int) -> str | None:
    """Why nothing can listen on the port; None if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            return str(error)
    return None


def worker_is_online(api: str, password: str | None) -> bool:
    """Whether a worker of the pool has sent a heartbeat recently."""
    try:
        workers = post(f"{api}/work_pools/{POOL}/workers/filter", {}, password)
    except OSError:
        return False
    return any(worker["status"] == "ONLINE" for worker in workers)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _mlflow_command(here: state.State, port: int) -> list[str]:
    return [
        *(
            "mlflow",
            "server",
            "--app-name",
            GATE,
            "--host",
            HOST,
            "--port",
            str(port),
            "--workers",
            "1",
        ),
        *("--backend-store-uri", here.mlflow_database),
        *("--artifacts-destination", here.mlflow_artifacts.as_uri()),
        *("--allowed-hosts", f"{HOST}:{port},localhost:{port}"),
        *("--cors-allowed-origins", _own_pages(port)),
    ]


def _own_pages(port: int) -> str:
    """Origins of a server's own page."""
    return f"http://{HOST}:{port},http://localhost:{port}"
