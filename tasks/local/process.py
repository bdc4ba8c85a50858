"""Background processes: each has a log, and is waited for as long as it is alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from spikeseg_core.errors import SpikeSegError
from tasks.local import state
from tasks.local.posting import open_http
from tasks.local.registration import ROOT
from tasks.terminal import console

STOP_SECONDS = 15.0
SECONDS_BETWEEN_NEWS = 30.0
"""How often the terminal reports that a process is still starting."""


class Server:
    """A Python module that is started as a process, with its log in the state folder.

    ``environment`` is added to the variables of this process. It has its own session, so that it
    does not receive the terminal's Ctrl-C. Raises OSError if the machine cannot start another
    process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.log = state.current().home / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **environment},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,  # its database, results and log are for this user alone
            )

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def wait_for(self, address: str) -> None:
        """Wait until the address answers; raises as :meth:`wait_until`."""
        self.wait_until(lambda: answers(address))

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready, without a time limit; a SpikeSegError if the process ends."""
        news = self.started + SECONDS_BETWEEN_NEWS
        while not ready():
            if self.ended:
                raise SpikeSegError(
                    f"{self.name} does not answer: it ended; its log is {self.log}:\n"
                    f"{tail(self.log)}"
                )
            if time.monotonic() > news:
                news += SECONDS_BETWEEN_NEWS
                seconds = time.monotonic() - self.started
                console().print(
                    f"{self.name} is still starting after {seconds:.0f} s; its log is {self.log}",
                    soft_wrap=True,
                )
            time.sleep(0.2)

    def again(self) -> Server:
        """Start it again after it ended, without what it left running: that holds its port."""
        with suppress(ProcessLookupError):  # it leads the group of those that it started
            os.killpg(self.process.pid, signal.SIGKILL)
        return Server(self.name, self.command, self.environment)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the process and those it started; kill them after this many seconds."""
        stop_tree(self.process.pid, seconds)
        self.process.wait(timeout=STOP_SECONDS)


def answers(address: str) -> bool:
    """Whether a server answers at the address."""
    try:
        with open_http(address, 2) as answer:
            answer.read()
    except OSError:
        return False
    return True


def tail(path: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-12:])


def is_alive(pid: int, created: float) -> bool:
    """Whether that process still runs, and not another one that got its id."""
    try:
        process = psutil.Process(pid)
        return (
            abs(process.create_time() - created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def stop_tree(leader: int, seconds: float = STOP_SECONDS) -> None:
    """Stop a process and all its descendants.

    Only the process itself is terminated. It should stop its children; any that are left after
    this many seconds are killed.
    """
    try:
        top = psutil.Process(leader)
        below = top.children(recursive=True)
        top.terminate()
    except psutil.NoSuchProcess:
        return
    _, stubborn = psutil.wait_procs([top, *below], timeout=seconds)
    _signal(stubborn, psutil.Process.kill)


def stop_all(processes: Sequence[psutil.Process]) -> None:
    """Terminate processes, so that they can log in MLflow that they were killed; then kill."""
    _signal(processes, psutil.Process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    _signal(stubborn, psutil.Process.kill)
    psutil.wait_procs(stubborn, timeout=STOP_SECONDS)


def _signal(processes: Sequence[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)
        except psutil.NoSuchProcess:
            continue
