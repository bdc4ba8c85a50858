"""Sections to try a network on."""

from __future__ import annotations

from typing import Any

from spikeseg_core.data.sources.synthetic import synthetic_sections


def sections() -> list[tuple[Any, dict[str, Any], str]]:
    """Make synthetic sections and the true membranes: uint8 arrays (4, 256, 256)."""
    images, membranes = synthetic_sections(count=4, size=256, seed=22)
    return [
        (images, {"name": "synthetic sections"}, "image"),
        (membranes, {"name": "true membranes", "visible": False}, "labels"),
    ]
