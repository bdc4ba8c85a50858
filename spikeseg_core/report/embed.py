"""Pictures embedded in a page, small but legible."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

WIDTH = 1200
"""Maximum width of pixels."""

LARGEST_SVG = 150_000
LARGEST_PNG = 120_000
"""In bytes; a larger picture is treated as a photograph and stored as JPEG."""

JPEG_QUALITY = 85


def data_uri(picture: Path) -> str:
    """Return a picture as a ``data:`` URI, in all of its colours.

    The SVG beside it if that is small, otherwise PNG, or JPEG for photographs.
    """
    vector = picture.with_suffix(".svg")
    if vector.is_file() and vector.stat().st_size <= LARGEST_SVG:
        return _uri("svg+xml", vector.read_bytes())
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(paper, image).convert("RGB")
    if flat.width > WIDTH:
        height = round(flat.height * WIDTH / flat.width)
        flat = flat.resize((WIDTH, height), Image.Resampling.LANCZOS)
    chart = _encoded(flat, "png", optimize=True)
    if len(chart) <= LARGEST_PNG:
        return _uri("png", chart)
    return _uri("jpeg", _encoded(flat, "jpeg", quality=JPEG_QUALITY, optimize=True))


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
