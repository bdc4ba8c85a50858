"""The services of the compose file as processes of this machine, without a container engine.

Commands, variables, configs, health checks and order are taken from the file. All services share an
otherwise unused loopback address and keep their ports; paths inside a container become folders in a
temporary one; PostgreSQL and Redis are Debian's.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.docker import compose

STARTED, COMPLETED = "service_started", "service_completed_successfully"
BY_DEBIAN = "/usr/lib/postgresql"


def search_path() -> str:
    """Search path for programs: this environment first, then Debian's folders."""
    versions = sorted(Path(BY_DEBIAN).glob("*/bin"), key=lambda folder: int(folder.parent.name))
    places = [Path(sys.executable).parent, *reversed(versions)]
    return os.pathsep.join([*map(str, places), os.environ.get("PATH", os.defpath), "/usr/sbin"])


def missing_programs() -> list[str]:
    """Required programs of Debian's packages that are missing."""
    wanted = ("initdb", "postgres", "psql", "pg_isready", "redis-server", "redis-cli")
    return [name for name in wanted if shutil.which(name, path=search_path()) is None]


class Stack:
    """Services that start in the order of the compose file."""

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self.content = compose.read(variables)
        self.services: dict[str, dict[str, Any]] = self.content["services"]
        self.folder = folder
        self.address = ".".join(str(random.SystemRandom().randint(1, 254)) for _ in range(3))
        self.address = f"127.{self.address}"
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.seconds: dict[str, float] = {}

    def up(self, seconds: float) -> None:
        """Start all services, and return when they are all started or healthy as required."""
        begin = time.monotonic()
        while len(self.seconds) < len(self.services):
            if time.monotonic() - begin > seconds:
                raise TimeoutError(f"not healthy: {set(self.services) - set(self.seconds)}")
            for name in self.services:
                if name not in self.started and self._may_start(name):
                    self.started[name] = self._start(name)
                if name in self.started and name not in self.seconds and self._is_ready(name):
                    self.seconds[name] = time.monotonic() - begin
            for name, process in self.started.items():
                if process.poll() is not None and not (self._ends(name) and not process.returncode):
                    raise RuntimeError(f"{name} ended ({process.returncode}):\n{self.log(name)}")
            time.sleep(0.5)

    def down(self) -> None:
        """Stop everything."""
        for process in reversed(self.started.values()):
            # PostgreSQL waits for its clients on SIGTERM, and not on SIGINT.
            _signal(process, signal.SIGINT)
        for process in reversed(self.started.values()):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait(10)

    def log(self, name: str) -> str:
        """End of the service's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-6000:]

    def here(self, name: str, value: str) -> str:
        """Translate addresses and paths in the service's container to those of this machine."""
        names = "|".join(self.services)
        value = re.sub(
            rf"\b(localhost|127\.0\.0\.1|0\.0\.0\.0|(?:{names})(?=:\d))\b", self.address, value
        )
        for inside in self._paths(name):
            outside = f"{self.folder / name}{inside}"
            value = re.sub(rf"(?<![\w.]){re.escape(inside)}(?![\w-])", outside, value)
        return value

    def environment(self, name: str) -> dict[str, str]:
        """Variables of the service; from this machine only the search path."""
        service = self.services[name]
        own = service.get("environment", {})
        image = compose.image_environment(service["build"]["args"]) if "build" in service else {}
        values = {key: self.here(name, str(each)) for key, each in {**image, **own}.items()}
        return {**values, "PATH": search_path(), "HOME": str(self._home(name)), "LANG": "C.UTF-8"}

    def run(
        self, name: str, command: list[str], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as if inside the service's container."""
        return subprocess.run(
            [self.here(name, word) for word in command],
            env=self.environment(name),
            cwd=compose.ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def _may_start(self, name: str) -> bool:
        wanted = self.services[name].get("depends_on", {})
        return all(
            other in (self.started if each["condition"] == STARTED else self.seconds)
            for other, each in wanted.items()
        )

    def _ends(self, name: str) -> bool:
        """Whether the others wait for its end."""
        waits = (each.get("depends_on", {}).get(name) for each in self.services.values())
        return any(each and each["condition"] == COMPLETED for each in waits)

    def _is_ready(self, name: str) -> bool:
        if self._ends(name):
            return self.started[name].poll() is not None
        check = self.services[name].get("healthcheck", {})
        words = check["test"][1:] if "test" in check else compose.image_health_check()
        return "disable" in check or self.run(name, words).returncode == 0

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        for entry in self.services[name].get("configs", []):
            path = Path(self.here(name, entry["target"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            text: str = self.content["configs"][entry["source"]]["content"]
            path.write_text(self.here(name, text))
        options: dict[str, Any] = {"cwd": compose.ROOT}
        if name == "postgres":
            command, options = self._postgres()
        else:
            command = [self.here(name, word) for word in self._command(name)]
        with (self.folder / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                command,
                env=self.environment(name),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def _command(self, name: str) -> list[str]:
        words: list[str] = list(self.services[name]["command"])
        if name == "redis":  # the image listens on all addresses and uses /data
            words += ["--bind", "0.0.0.0", "--dir", str(self._home(name))]
        return words

    def _postgres(self) -> tuple[list[str], dict[str, Any]]:
        """Do what the image does at its first start: create cluster and database, run scripts."""
        given = self.environment("postgres")
        home = self._home("postgres")
        options: dict[str, Any] = {"cwd": home}
        if os.geteuid() == 0:  # which PostgreSQL refuses
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data, password = str(home / "data"), home / "password"
        password.write_text(given["POSTGRES_PASSWORD"])
        scripts = sorted((self.folder / "postgres/docker-entrypoint-initdb.d").iterdir())
        whose = ["--username", given["POSTGRES_USER"], "--pwfile", str(password)]
        for command, text in (
            (["initdb", "--pgdata", data, "--auth=scram-sha-256", "--no-sync", *whose], ""),
            (
                ["postgres", "--single", "-D", data, "postgres"],
                f"CREATE DATABASE {given['POSTGRES_DB']};\n",
            ),
            (
                ["postgres", "--single", "-D", data, given["POSTGRES_DB"]],
                "".join(script.read_text() for script in scripts),
            ),
        ):
            subprocess.run(
                command, input=text.encode(), env=given, check=True, capture_output=True, **options
            )
        settings = (f"listen_addresses={self.address}", f"unix_socket_directories={home}")
        words = [word for each in (*settings, "fsync=off") for word in ("-c", each)]
        return ["postgres", "-D", data, *words], options

    def _paths(self, name: str) -> list[str]:
        service = self.services[name]
        mounts = [entry.split(":")[1] for entry in service.get("volumes", [])]
        files = [entry["target"] for entry in service.get("configs", [])]
        return [*mounts, *files, "/home/spikeseg"]

    def _home(self, name: str) -> Path:
        home = self.folder / name / "home"
        home.mkdir(parents=True, exist_ok=True)
        return home


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def running(variables: Mapping[str, str], folder: Path, seconds: float) -> Iterator[Stack]:
    """Start the stack, and stop it at the end."""
    stack = Stack(variables, folder)
    try:
        stack.up(seconds)
        yield stack
    finally:
        stack.down()
