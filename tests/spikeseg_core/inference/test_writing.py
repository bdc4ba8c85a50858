"""Results keep the pixel size and the description of their sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.formats.zarr_store import is_ome
from spikeseg_core.inference import writing
from spikeseg_core.inference.writing import write_sections
from tests.spikeseg_core.data.inputs import GREY, h5, ome_zarr, tif

OME = {"PhysicalSizeX": 5.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 4.0}
OME |= {"PhysicalSizeYUnit": "nm", "axes": "ZYX"}
SOURCES: dict[str, tuple[Any, tuple[float, float] | None, str]] = {
    "OME": (lambda d: tif(d / "a.ome.tif", GREY, metadata=OME), (4.0, 5.0), "OME"),
    "OME without a pixel size": (
        lambda d: tif(d / "a.ome.tif", GREY, metadata={"axes": "ZYX"}), None, "OME"),
    "ImageJ": (
        lambda d: tif(d / "a.tif", GREY, imagej=True, resolution=(0.2, 0.25),
                      metadata={"unit": "nm", "axes": "ZYX"}), (4.0, 5.0), "ImageJ"),
    "plain": (lambda d: tif(d / "a.tif", GREY), None, ""),
    "HDF5": (lambda d: h5(d / "a.h5", {"resolution": (40, 4, 5)}, raw=GREY), (4.0, 5.0), "OME"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", SOURCES)
def test_pixel_size_and_description_are_kept(kind: str, dtype: Any, tmp_path: Path) -> None:
    build, pixel, flavour = SOURCES[kind]
    like, out = open_volume(build(tmp_path)), tmp_path / "out.tif"
    write_sections((p.astype(dtype) for p in GREY), out, like, np.dtype(dtype))
    found = open_volume(out)
    assert found.pixel_nm == (pytest.approx(pixel) if pixel else None)
    assert (found.shape, found.dtype, found.flavour) == (GREY.shape, dtype, flavour)
    np.testing.assert_array_equal(list(found.decode()), GREY)


def test_many_cells_of_an_imagej_stack_are_ome(tmp_path: Path) -> None:
    like = open_volume(tif(tmp_path / "a.tif", GREY, imagej=True))
    write_sections((p.astype(np.uint32) for p in GREY), tmp_path / "b.tif", like, np.dtype("u4"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), GREY)


@pytest.mark.parametrize("mean", [True, False])
def test_ome_zarr_has_smaller_copies(mean: bool, tmp_path: Path) -> None:
    import zarr

    stack = np.random.default_rng(0).integers(0, 256, (2, 301, 520)).astype(np.uint8)
    like = open_volume(ome_zarr(tmp_path / "a.zarr", stack))
    out = tmp_path / "out.zarr"
    for _ in range(2):  # the second replaces the first
        write_sections(iter(stack), out, like, np.dtype(np.uint8), mean=mean)
    assert is_ome(out)
    found = open_volume(out)
    assert found.pixel_nm == (4.0, 4.0)
    np.testing.assert_array_equal(list(found.decode()), stack)
    group = zarr.open(str(out), mode="r")
    assert [group[str(level)].shape for level in (1, 2)] == [(2, 151, 260), (2, 76, 130)]
    corner = stack[0, :2, :2]
    assert group["1"][0, 0, 0] == (int(corner.mean()) if mean else corner[0, 0])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["ImageJ", "OME", "plain"])
def test_a_result_over_4_gb_is_a_big_tiff(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MOST_TIFF_BYTES", GREY.nbytes - 1)
    build, pixel, _ = SOURCES[kind]
    like, out = open_volume(build(tmp_path)), tmp_path / "out.tif"
    write_sections(iter(GREY), out, like, GREY.dtype)
    with tifffile.TiffFile(out) as file:
        assert file.is_bigtiff
    found = open_volume(out)
    assert found.pixel_nm == pixel
    np.testing.assert_array_equal(list(found.decode()), GREY)
