from __future__ import annotations

from pathlib import Path


def segment_files(images: list[Path], out: Path, model: str, of_run: str | None) -> list[Path]:
    raise NotImplementedError
