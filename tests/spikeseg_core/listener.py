"""A reporter that remembers what it is told."""

from spikeseg_core.reporting import Silent


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.progressed: list[tuple[float, float, str]] = []

    def progress(self, done: float, total: float, message: str) -> None:
        self.progressed.append((done, total, message))

    def say(self, message: str) -> None:
        self.said.append(message)
