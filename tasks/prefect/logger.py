"""The logger of the running flow or task."""

from __future__ import annotations

import logging
import sys
from typing import Any


def run_logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """Prefect's logger of the running task, or a plain one outside of Prefect.

    Prefect is not imported for it: what runs has imported it.
    """
    plain = logging.getLogger("prefect.spikeseg")
    if "prefect.context" not in sys.modules:
        return plain
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return plain
