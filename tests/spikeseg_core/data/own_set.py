"""A set as somebody else might have it, in any layout: bright membranes, 1-bit PNG labels.

``python -m tests.spikeseg_core.data.own_set FOLDER KIND --size 1024`` writes one of full size
(``--crop 1021 1013``: an odd one); ``spikeseg run --dataset`` takes the path that it prints.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from spikeseg_core.data.sources.synthetic import synthetic_sections
from tests.spikeseg_core.data.inputs import h5, ome_zarr, png, tif

Kind = Literal["folders", "OME-Zarr", "HDF5"]


def own_set(folder: Path, images: np.ndarray, labels: np.ndarray, kind: Kind) -> Path:
    """Write folders raw/ and membranes/, OME-Zarr or HDF5, in which membranes (1) are bright."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "HDF5":
        return h5(folder / "own.h5", raw=images, membranes=255 * labels)
    if kind == "OME-Zarr":
        return ome_zarr(folder / "own.ome.zarr", images, labels=255 * labels)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        tif(folder / "own" / "raw" / f"{number}.tif", image)
        png(folder / "own" / "membranes" / f"{number}.png", 255 * label, "1")
    return folder / "own"


def main() -> None:
    """Write a synthetic set and print its path."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("kind", choices=get_args(Kind))
    words.add_argument("--sections", type=int, default=20)
    words.add_argument("--size", type=int, default=1024)
    words.add_argument("--crop", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    words.add_argument("--seed", type=int, default=22)
    asked = words.parse_args()
    height, width = asked.crop or (asked.size, asked.size)
    images, labels = synthetic_sections(asked.sections, asked.size, asked.seed)
    images, labels = images[:, :height, :width], labels[:, :height, :width]
    print(own_set(asked.folder, images, labels, asked.kind))


if __name__ == "__main__":
    main()
