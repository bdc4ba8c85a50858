"""`spikeseg bench`: measurements, each made by its own module."""

from __future__ import annotations

from typing import Any


def bench(what: str, preset: str, dataset: str, changes: list[str]) -> dict[str, Any]:
    raise NotImplementedError
