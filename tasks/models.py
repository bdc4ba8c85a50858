"""Models as MLflow keeps them: raw sections in, membrane probability out, no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def log(kind: str, folder: Path, record: Any, run_id: str) -> None:
    """Log the model."""
