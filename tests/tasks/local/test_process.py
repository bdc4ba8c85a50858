from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from spikeseg_core.errors import SpikeSegError
from tasks.local import process

HOST = "127.0.0.1"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)


class TestServer:
    def test_it_answers_and_is_stopped(self, home: Path, unused_port: int) -> None:
        server = process.Server("web", ["http.server", str(unused_port)], {})
        server.wait_for(f"http://{HOST}:{unused_port}/pyproject.toml")
        assert not server.ended
        server.stop()
        assert server.ended

    def test_one_that_ends_shows_its_log(self, home: Path, unused_port: int) -> None:
        server = process.Server("broken", ["no_such_module"], {})
        with pytest.raises(SpikeSegError, match=r"(?s)broken does not answer.*No module named"):
            server.wait_for(f"http://{HOST}:{unused_port}/")


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        one = psutil.Process(started.pid)
        born = one.create_time()
        assert process.is_alive(one.pid, born)
        process.stop_all([one])
        assert not process.is_alive(one.pid, born)
