"""How core functions report progress without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives progress. Adapters send it to a terminal, Prefect or MLflow."""

    def progress(self, done: float, total: float, message: str) -> None:
        """Report that ``done`` of ``total`` units are finished; ``message`` names them."""

    def metric(self, name: str, value: float, step: int) -> None:
        """Report one point of a curve, such as the loss of an epoch."""

    def say(self, message: str) -> None:
        """Report something that people should read in the log."""


class Silent:
    """A reporter that ignores everything; the default."""

    def progress(self, done: float, total: float, message: str) -> None:
        """Ignore it."""

    def metric(self, name: str, value: float, step: int) -> None:
        """Ignore it."""

    def say(self, message: str) -> None:
        """Ignore it."""


SILENT: Reporter = Silent()
