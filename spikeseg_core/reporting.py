"""How a core function tells what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """What long work calls while it runs. Adapters send it to a terminal, Prefect or MLflow."""

    def progress(self, done: float, total: float, message: str) -> None:
        """``done`` of ``total`` units are finished; ``message`` says of what."""

    def metric(self, name: str, value: float, step: int) -> None:
        """One point of a curve, such as a loss of an epoch."""

    def say(self, message: str) -> None:
        """Report something a person should read in the log."""


class Silent:
    """A reporter that drops everything; the default."""

    def progress(self, done: float, total: float, message: str) -> None:
        """Drop it."""

    def metric(self, name: str, value: float, step: int) -> None:
        """Drop it."""

    def say(self, message: str) -> None:
        """Drop it."""


SILENT: Reporter = Silent()
