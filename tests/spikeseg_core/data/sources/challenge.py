"""A small stand-in for the challenge's data."""

import io
import zipfile

import numpy as np
from PIL import Image

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
MASKS = np.where(IMAGES > 60, 255, 0).astype(np.uint8)


def tiff(stack: np.ndarray, compression: str = "raw") -> bytes:
    buffer = io.BytesIO()
    pages = [Image.fromarray(page) for page in stack]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression=compression)
    return buffer.getvalue()


def challenge_zip(images: np.ndarray = IMAGES) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train-volume.tif", tiff(images))
        archive.writestr("train-labels.tif", tiff(MASKS))
        archive.writestr("test-volume.tif", tiff(images))
    return buffer.getvalue()
