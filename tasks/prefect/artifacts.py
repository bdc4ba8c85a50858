"""What Prefect's page shows of a flow that is running."""

from __future__ import annotations

from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext


def show_markdown(markdown: str, key: str) -> None:
    """Put a text on the page of the running flow; without Prefect there is none."""
    if FlowRunContext.get() is not None:
        create_markdown_artifact(markdown, key)


class PageProgress:
    """A bar that is put on the page of the running flow when it is first shown."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._artifact: UUID | None = None

    def show(self, percent: float, message: str) -> None:
        """So much is done; the message says what was last."""
        if self._artifact is None:
            made = create_progress_artifact(percent, key=self.key, description=message)
            self._artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._artifact, percent, description=message)
