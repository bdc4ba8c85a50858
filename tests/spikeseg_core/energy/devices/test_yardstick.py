from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

from spikeseg_core.energy.devices.yardstick import MATRICES, SIDE, Yardstick


def test_every_pass_is_the_same_work_on_every_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[int, ...], str]] = []
    product = np.matmul

    def watched(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Any:
        seen.append((a.shape, threading.current_thread().name))
        return product(a, b, out)

    monkeypatch.setattr("numpy.matmul", watched)
    cpus = len(os.sched_getaffinity(0))
    yardstick = Yardstick(cpus)
    for _ in range(2):
        yardstick()
    assert [shape for shape, _ in seen] == 2 * cpus * [(MATRICES, SIDE, SIDE)]
    assert all(name.startswith("yardstick") for _, name in seen)


def test_an_error_of_a_thread_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    yardstick = Yardstick(2)
    monkeypatch.setattr(yardstick, "_product", yardstick._product[:, :1])
    with pytest.raises(ValueError, match="broadcast"):
        yardstick()
