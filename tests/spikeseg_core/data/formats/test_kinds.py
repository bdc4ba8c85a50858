from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    Built,
    check_read,
    check_refused,
    h5,
    jpeg,
    png,
    raw,
    tif,
)


def _saved(path: Path, kind: str) -> Path:
    Image.fromarray(GREY[0]).save(path, kind)
    return path


READ: dict[str, tuple[Built, np.ndarray]] = {
    ".stk": (lambda d: tif(d / "vol.stk", GREY), GREY),
    ".lsm": (lambda d: tif(d / "vol.lsm", GREY), GREY),
    ".btf": (lambda d: tif(d / "vol.btf", GREY, bigtiff=True), GREY),
    "no suffix": (lambda d: tif(d / "vol", GREY), GREY),
    "unknown suffix": (lambda d: tif(d / "vol.final", GREY), GREY),
    "capital suffix": (lambda d: tif(d / "VOL.TIFF", GREY), GREY),
    "TIFF called PNG": (lambda d: tif(d / "vol.png", GREY), GREY),
    "PNG called TIFF": (lambda d: png(d / "vol.tif", GREY[0]), GREY[:1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "JPEG alone": (lambda d: jpeg(d / "a.jpg"), r"a\.jpg is JPEG.*python -c .*a\.png"),
    "JPEG called PNG": (lambda d: jpeg(d / "a.png"), r"a\.png is JPEG"),
    "WebP": (lambda d: _saved(d / "a.webp", "WEBP"), r"a\.webp is WebP"),
    "JPEG 2000": (lambda d: _saved(d / "a.jp2", "JPEG2000"), r"a\.jp2 is JPEG 2000"),
    "BMP": (lambda d: _saved(d / "a.bmp", "BMP"), r"a\.bmp is BMP"),
    "GIF": (lambda d: _saved(d / "a.gif", "GIF"), r"a\.gif is GIF"),
    "N5": (lambda d: (d / "a.n5").mkdir() or d / "a.n5", r"a\.n5 is N5.*zarr<3.*python -c"),
    "MRC": (lambda d: raw(d / "a.mrc", b"\0" * 208 + b"MAP " + b"\0" * 900), "mrcfile.read"),
    "MRC called .st": (lambda d: raw(d / "a.st", b"\0" * 208 + b"MAP " + b"\0" * 900), "is MRC"),
    "NIfTI": (lambda d: raw(d / "a.nii", b"\0" * 344 + b"n+1\0"), "nibabel.load"),
    "NIfTI, packed": (lambda d: raw(d / "a.nii.gz", b"\x1f\x8b\x08"), r"nibabel.*a\.tif"),
    "NumPy": (lambda d: raw(d / "a.npy", b"\x93NUMPY\1\0"), r"numpy\.load"),
    "Gatan": (lambda d: raw(d / "a.dm3", b"\0\0\0\3"), "Fiji"),
    "Imaris": (lambda d: h5(d / "a.ims", Data=GREY), "a.ims is Imaris.*Fiji"),
    "text": (lambda d: raw(d / "a.txt", b"hello"), "a.txt is no image that is read"),
    "a pipe": (lambda d: os.mkfifo(d / "a.png") or d / "a.png", "but a pipe, socket or device"),
    "MATLAB": (lambda d: raw(d / "a.mat", b"MATLAB 5.0"), "scipy.io.loadmat"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


def _numpy(path: Path, stack: np.ndarray) -> Path:
    (np.savez if path.suffix == ".npz" else np.save)(path, stack)
    return path


def _matlab(path: Path) -> Path:
    scipy.io.savemat(path, {"stack": GREY.transpose(1, 2, 0)})
    return path


def _pgm(path: Path, section: np.ndarray) -> Path:
    Image.fromarray(section).save(path)
    return path


CONVERTED: dict[str, tuple[Built, np.ndarray]] = {
    "NumPy": (lambda d: _numpy(d / "a.npy", DEEP), DEEP),
    "NumPy archive": (lambda d: _numpy(d / "a.npz", GREY), GREY),
    "MATLAB": (lambda d: _matlab(d / "a.mat"), GREY),
    "PGM": (lambda d: _pgm(d / "a.pgm", GREY[0]), GREY[:1]),
    "PGM of 16 bits": (lambda d: _pgm(d / "a.pgm", DEEP[0].astype(np.int32)), DEEP[:1]),
    "JPEG 2000 of 16 bits": (lambda d: _pgm(d / "a.jp2", DEEP[0]), DEEP[:1]),
    "raw bytes": (lambda d: raw(d / "a.raw", GREY.tobytes()), GREY),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONVERTED)
def test_the_command_of_a_refusal_converts_any_name_without_loss(kind: str, tmp_path: Path) -> None:
    build, expected = CONVERTED[kind]
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    path = build(folder)
    with pytest.raises(DataError) as error:
        read_stack(path)
    command = re.sub("^.* with python ", f"{sys.executable} ", str(error.value))
    command = command.replace("SECTIONS, HEIGHT, WIDTH", "6, 48, 64")
    subprocess.run(["bash", "-c", command], check=True, timeout=100)
    (found,) = (file for file in folder.iterdir() if file != path)
    check_read(found, expected)
