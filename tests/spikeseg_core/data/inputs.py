"""Small sections that look like microscopy, and their labels, in files of every kind."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError

Built = Callable[[Path], Path]
"""Writes an input to an empty folder and returns its path."""

COUNT, HEIGHT, WIDTH = 6, 48, 64


def _cells() -> np.ndarray:
    """Numbers of cells (n, h, w), which drift from section to section."""
    rng = np.random.default_rng(0)
    seeds = rng.uniform((-8, -8), (HEIGHT + 8, WIDTH + 8), (40, 2))
    where = np.stack(np.mgrid[:HEIGHT, :WIDTH], axis=-1)
    sections = []
    for _ in range(COUNT):
        seeds = seeds + rng.normal(0, 0.7, seeds.shape)
        sections.append(cKDTree(seeds).query(where)[1] + 1)
    return np.array(sections, dtype=np.uint16)


def _membranes(cells: np.ndarray) -> np.ndarray:
    found = np.zeros(cells.shape, dtype=bool)
    for axis in (1, 2):
        differs = np.diff(cells.astype(int), axis=axis) != 0
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        found[tuple(ahead)] |= differs
        found[tuple(behind)] |= differs
    return found


CELLS = _cells()
MEMBRANE = _membranes(CELLS)
MASKS = np.where(MEMBRANE, 0, 255).astype(np.uint8)
"""As in ISBI 2012: 0 is membrane."""
_noise = np.random.default_rng(1).normal(0, 12, MASKS.shape)
GREY = np.clip(
    gaussian_filter(np.where(MEMBRANE, 70.0, 160.0), (0, 0.7, 0.7)) + _noise, 0, 255
).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 200 + 77
UNIT = GREY.astype(np.float32) / 255
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def png(path: Path, image: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(image)
    (picture.convert(mode) if mode else picture).save(path, "PNG")
    return path


def tif(path: Path, image: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image, **({"photometric": "minisblack"} | options))
    return path


def pngs(
    folder: Path, stack: np.ndarray, names: Iterable[str] | None = None, mode: str | None = None
) -> Path:
    for name, image in zip(names or (f"{i}.png" for i in range(len(stack))), stack, strict=False):
        png(folder / name, image, mode)
    return folder


def h5(path: Path, attributes: dict[str, Any] | None = None, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            data = file.create_dataset(name.replace("__", "/"), data=values, compression="gzip")
            data.attrs.update(attributes or {})
    return path


def jpeg(path: Path) -> Path:
    Image.fromarray(GREY[0]).save(path, "JPEG")
    return path


def raw(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def settings(folder: Path, text: str) -> Path:
    (folder / "spikeseg.yaml").write_text(text)
    return folder


def zarr_array(path: Path, values: np.ndarray, **options: Any) -> Path:
    chunks = options.pop("chunks", (1, *values.shape[1:]) if values.ndim == 3 else "auto")
    zarr.create_array(path, data=values, chunks=chunks, **options) if values.size else (
        zarr.create_array(path, shape=values.shape, dtype=values.dtype)
    )
    return path


def zarr_group(path: Path, **arrays: np.ndarray) -> Path:
    group = zarr.open_group(path, mode="w")
    for name, values in arrays.items():
        group.create_array(name.replace("__", "/"), data=values)
    return path


def ome_zarr(
    path: Path,
    values: np.ndarray,
    *,
    axes: str = "zyx",
    version: str = "0.5",
    labels: np.ndarray | None = None,
    channels: tuple[str, ...] = (),
) -> Path:
    """An image at full and half resolution, 4 nm a pixel; its labels in labels/membranes."""

    def image(group: zarr.Group, stack: np.ndarray) -> None:
        datasets = []
        for level in (0, 1):
            shrunk = stack[..., :: 2**level, :: 2**level]
            group.create_array(str(level), data=shrunk, chunks=shrunk.shape)
            scale = [1.0] * (stack.ndim - 2) + [4.0 * 2**level] * 2
            datasets.append(
                {
                    "path": str(level),
                    "coordinateTransformations": [{"type": "scale", "scale": scale}],
                }
            )
        kinds = {"t": "time", "c": "channel"}
        named = [
            {"name": a, "type": kinds.get(a, "space")}
            | ({} if a in kinds else {"unit": "nanometer"})
            for a in axes
        ]
        about: dict[str, Any] = {"multiscales": [{"axes": named, "datasets": datasets}]}
        if channels:
            about["omero"] = {"channels": [{"label": name} for name in channels]}
        group.attrs.update(about if version == "0.4" else {"ome": about | {"version": version}})

    root = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    image(root, values)
    if labels is not None:
        image(root.create_group("labels/membranes"), labels)
    return path


def ome_over_files(folder: Path, kept: int) -> Path:
    """OME-TIFF of a plane per file, each of which declares all."""
    folder.mkdir()
    whole = tif(folder / "whole.ome.tif", GREY, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(whole) as file:
        about = str(file.ome_metadata)
    whole.unlink()
    ids = [f"urn:uuid:0000000{i}-0000-0000-0000-000000000000" for i in range(COUNT)]
    planes = "".join(
        f'<TiffData FirstZ="{i}" IFD="0" PlaneCount="1"><UUID FileName="{i}.ome.tif">{name}</UUID>'
        "</TiffData>"
        for i, name in enumerate(ids)
    )
    about = re.sub("<TiffData[^>]*/>", planes, about)
    for i in range(kept):
        own = re.sub('UUID="[^"]*"', f'UUID="{ids[i]}"', about, count=1)
        tif(folder / f"{i}.ome.tif", GREY[i], metadata=None, description=own.encode())
    return folder


def one_sentence(error: DataError) -> None:
    """Check that a message is for people."""
    text = str(error)
    assert "\n" not in text and "<_io" not in text and " 0x" not in text


def check_read(path: Path, expected: np.ndarray) -> None:
    stack = read_stack(path)
    assert stack.pixels.dtype == expected.dtype
    np.testing.assert_array_equal(stack.pixels, expected)
    assert len(stack.names) == len(expected)


def check_refused(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_stack(path)
    one_sentence(error.value)


def pair_of(folder: Path, images: np.ndarray, masks: np.ndarray) -> Path:
    pngs(folder / "raw", images)
    pngs(folder / "masks", masks)
    return folder


def changed(stack: np.ndarray, index: int, section: np.ndarray | int) -> np.ndarray:
    found = stack.copy()
    found[index] = section
    return found


def cut(path: Path, kept: float) -> Path:
    data = path.read_bytes()
    return raw(path, data[: int(len(data) * kept)])


def sparse(path: Path, start: bytes) -> Path:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(200 * 2**30)
    return path


def huge_png(path: Path, side: int) -> Path:
    """Only the header of a PNG of this size."""
    data = bytearray(png(path, GREY[0]).read_bytes())
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return raw(path, bytes(data))


def _deep_rgb_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(
        b"\0" + np.repeat(row[:, None], 3, 1).astype(">u2").tobytes() for row in DEEP[0]
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


DEEP_RGB_PNG = _deep_rgb_png()


def pillow_tiff(path: Path, stack: np.ndarray, compression: str, mode: str | None = None) -> Path:
    pages = [Image.fromarray(page) for page in stack]
    pages = [page.convert(mode) for page in pages] if mode else pages
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], compression=compression)
    return path
