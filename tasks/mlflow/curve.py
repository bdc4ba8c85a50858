"""The curves of a stage."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from tasks.folder import CURVES
from tasks.mlflow.store import Point, Run

SECONDS_BETWEEN_BATCHES = 5.0


class Curve:
    """The points of a stage's curves, stored in its folder and sent to MLflow in batches.

    Several threads may add points.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CURVES
        self.run: Run | None = None
        self._waiting: list[Point] = list(read_curve(folder))
        self._sent = time.monotonic()
        self._lock = threading.RLock()

    def last_step(self, prefix: str) -> int:
        """Last step of the curves whose names start with the prefix; -1 without any."""
        steps = (
            step for name, _, step, _ in read_curve(self.path.parent) if name.startswith(prefix)
        )
        return max(steps, default=-1)

    def add(self, name: str, value: float, step: int) -> None:
        """Store a point, and send the waiting ones if the last batch is old enough."""
        point = (name, float(value) if abs(value) < float("inf") else None, int(step), time.time())
        with self._lock:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(point) + "\n")
            self._waiting.append(point)
            if self.run is not None and time.monotonic() - self._sent >= SECONDS_BETWEEN_BATCHES:
                self.run.store.attempt("log a curve", self.send)

    def send(self) -> None:
        """Send the waiting points."""
        with self._lock:
            self._sent = time.monotonic()
            if self.run is not None and self._waiting:
                self.run.metrics(self._waiting)
                self._waiting = []


def read_curve(folder: Path) -> list[Point]:
    """Points stored in a stage's folder; a step that was repeated after a resume counts once."""
    if not (folder / CURVES).is_file():
        return []
    points: dict[tuple[str, int], Point] = {}
    for line in (folder / CURVES).read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            name, value, step, when = json.loads(line)
            point = (str(name), None if value is None else float(value), int(step), float(when))
        except (ValueError, TypeError, OverflowError, RecursionError):
            continue  # a killed run may leave a truncated line
        points[point[0], point[2]] = point
    return list(points.values())
