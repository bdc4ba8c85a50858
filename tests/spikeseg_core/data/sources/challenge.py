"""Small images in files, and a stand-in for the challenge's data."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
TEST_IMAGES = IMAGES[:2, ::-1].copy()
MASKS = np.where(IMAGES > 60, 255, 0).astype(np.uint8)


def tiff(stack: np.ndarray, compression: str = "raw") -> bytes:
    buffer = io.BytesIO()
    pages = [Image.fromarray(page) for page in stack]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression=compression)
    return buffer.getvalue()


def png(array: np.ndarray, mode: str | None = None) -> bytes:
    image = Image.fromarray(array)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, "PNG")
    return buffer.getvalue()


def write_images(folder: Path, stack: np.ndarray, suffix: str = ".png") -> Path:
    folder.mkdir(parents=True)
    for number, page in enumerate(stack):
        data = png(page) if suffix == ".png" else tiff(page[np.newaxis])
        (folder / f"{number}{suffix}").write_bytes(data)
    return folder


def challenge_zip(images: np.ndarray = IMAGES) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train-volume.tif", tiff(images))
        archive.writestr("train-labels.tif", tiff(MASKS))
        archive.writestr("test-volume.tif", tiff(TEST_IMAGES))
    return buffer.getvalue()
