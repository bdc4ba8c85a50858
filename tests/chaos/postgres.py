"""A PostgreSQL that is restarted under MLflow; in the matrix where the program is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.mlflow.store import store
from tests.chaos.faults import Fault, Refs, ends_as_before, expect, tracked_at
from tests.chaos.pipeline import run_one
from tests.docker.stack import search_path


def is_here() -> bool:
    """Whether PostgreSQL is installed."""
    return all(shutil.which(name, path=search_path()) for name in ("initdb", "pg_ctl", "postgres"))


class Server:
    """One PostgreSQL in a folder; it refuses to run as root, so it then runs as nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options: dict[str, Any] = {"cwd": folder, "env": {"PATH": search_path()}}
        folder.chmod(0o755)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self.options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._run(
            "initdb",
            "--pgdata=data",
            "--auth=trust",
            "--no-sync",
            "--username=mlflow",
            "--encoding=UTF8",
        )

    @property
    def address(self) -> str:
        """Address of the database for MLflow: a socket in the folder."""
        return f"postgresql+psycopg://mlflow@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "--pgdata=data", "--wait", "--log=log", f"--options={words}", "start")

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        self._run("pg_ctl", "--pgdata=data", "--wait", "--mode=immediate", "stop")

    def _run(self, name: str, *words: str) -> None:
        program = shutil.which(name, path=search_path())
        subprocess.run(
            [str(program), *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.options,
        )


@contextmanager
def running() -> Iterator[Server]:
    """A server in a folder that its user can read."""
    with tempfile.TemporaryDirectory(prefix="spikeseg-postgres-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def of_postgres(refs: Refs) -> Iterator[Fault]:
    """PostgreSQL ends under MLflow's client and comes back: the work goes on, and is logged."""

    def check(inject: bool) -> None:
        with running() as server, tracked_at(server.address):
            shutil.rmtree(refs["partition"].folder)
            before = run_one("partition", refs)
            expect(before.mlflow_run_id is not None, "PostgreSQL was never used")
            shutil.rmtree(refs["partition"].folder)
            if inject:
                server.stop()
            during = run_one("partition", refs)
            ends_as_before(during, refs["partition"])
            if inject:
                server.start()
            store().try_again(seconds=0)
            again = run_one("partition", refs)
            expect(again.mlflow_run_id is not None, "it was not logged afterwards")
            expect(during.mlflow_run_id is None, "it was logged all the same")

    yield Fault("partition: PostgreSQL is restarted under MLflow", check)
