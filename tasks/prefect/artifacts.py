"""Text and progress on Prefect's page of a running flow."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext

log = logging.getLogger("prefect.spikeseg")


def show_markdown(markdown: str, key: str, description: str) -> None:
    """Show a text on the page of the running flow, if Prefect runs it."""
    if FlowRunContext.get() is not None:
        create_markdown_artifact(markdown, key, description)


class PageProgress:
    """A progress bar on the page of the running flow or task.

    Prefect is asked at most once in ``seconds``, except for the end. A failure ends the bar, never
    the work.
    """

    def __init__(self, key: str, seconds: float = 0.0) -> None:
        self.key = key
        self.seconds = seconds
        self.artifact: UUID | None = None
        self._works = FlowRunContext.get() is not None or TaskRunContext.get() is not None
        self._last = time.monotonic()

    def show(self, percent: float, message: str, *, now: bool = False) -> None:
        """Set the percentage and the message; the first call creates the bar."""
        if not self._works or not (now or time.monotonic() - self._last >= self.seconds):
            return
        try:
            if self.artifact is None:
                made = create_progress_artifact(percent, key=self.key, description=message)
                self.artifact = made if isinstance(made, UUID) else None
            else:
                update_progress_artifact(self.artifact, percent, description=message)
        except Exception as error:
            self._works = False
            log.warning("Prefect accepts no progress artifacts (%s); going on", error)
        self._last = time.monotonic()
