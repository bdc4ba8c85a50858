from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from flows import worker


def test_it_registers_and_then_becomes_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(worker, "register", lambda environment: done.append(environment))
    monkeypatch.setattr(os, "execv", lambda program, words: done.append((program, words)))
    monkeypatch.setattr(sys, "argv", ["worker", "--with-healthcheck"])
    worker.main()
    pool = ["--pool", "spikeseg", "--type", "process"]
    words = ["-m", "prefect", "worker", "start", *pool, "--with-healthcheck"]
    assert done == [{}, (sys.executable, [sys.executable, *words])]
