"""Pictures inside a page: small enough to be sent around, good enough to be read."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

WIDTH = 1200
"""Most pixels across."""

COLOURS = 64
LARGEST_PNG = 120_000
"""Bytes; what needs more is a photograph, and JPEG suits it better."""

JPEG_QUALITY = 80


def data_uri(picture: Path) -> str:
    """Return a picture as ``data:``, with few colours, or as JPEG where it is a photograph."""
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(paper, image).convert("RGB")
    if flat.width > WIDTH:
        height = round(flat.height * WIDTH / flat.width)
        flat = flat.resize((WIDTH, height), Image.Resampling.LANCZOS)
    chart = _encoded(flat.quantize(COLOURS), "png", optimize=True)
    if len(chart) <= LARGEST_PNG:
        return _uri("png", chart)
    return _uri("jpeg", _encoded(flat, "jpeg", quality=JPEG_QUALITY, optimize=True))


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
