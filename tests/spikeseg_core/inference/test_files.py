from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference import files
from spikeseg_core.inference.files import Segmented, segment_files
from spikeseg_core.inference.job import plan
from tests.spikeseg_core.data.inputs import ome_zarr
from tests.spikeseg_core.inference.sections import STACK, grey_tiff, section
from tests.spikeseg_core.listener import Listener


def brightness(sections: np.ndarray) -> np.ndarray:
    """Stand in for a network: bright pixels are membrane."""
    return (sections / np.iinfo(sections.dtype).max).astype(np.float32)


def run(source: Path, out: Path, threshold: float = 0.5, overwrite: bool = False) -> Segmented:
    return segment_files(plan(source, out, overwrite=overwrite), brightness, threshold, "Sections")


def test_probability_and_mask_have_the_names_and_sizes_of_the_images(
    source: Path, tmp_path: Path
) -> None:
    out, told = tmp_path / "out", Listener()
    done = segment_files(plan(source, out), brightness, 0.25, "Sections", told)
    assert done.names == ("a.png", "b.TIF", "stack.tif")
    assert done.sections == 5
    for kind in ("probability", "mask", "cells"):
        assert sorted(path.name for path in (out / kind).iterdir()) == sorted(done.names)
    assert told.progressed[0] == (1, 5, "a.png")
    assert told.progressed[-1] == (5, 5, "stack.tif#2")

    np.testing.assert_array_equal(np.asarray(Image.open(out / "probability/a.png")), section(0))
    stack = tifffile.imread(out / "probability/stack.tif")
    assert (stack.shape, stack.dtype) == ((3, 20, 24), np.float32)
    np.testing.assert_array_equal(stack, brightness(section(2, (3, 20, 24))))
    assert tifffile.imread(out / "probability/b.TIF").shape == (9, 11)
    np.testing.assert_array_equal(tifffile.imread(out / "mask/stack.tif") == 255, stack >= 0.25)
    mask = np.asarray(Image.open(out / "mask/a.png"))
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask == 255, section(0) / 255 >= 0.25)
    assert done.membrane == pytest.approx(0.75, abs=0.02)
    assert Image.open(done.preview).width > 1000


def test_one_file_alone(source: Path, tmp_path: Path) -> None:
    done = run(source / "stack.tif", tmp_path / "out")
    assert (done.names, done.sections) == (("stack.tif",), 3)


def test_results_are_not_overwritten_unless_asked(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    with pytest.raises(ConfigError, match=r"a\.png exists, and 10 more .* to be overwritten"):
        plan(source, out)
    run(source, out, threshold=0.9, overwrite=True)
    mask = np.asarray(Image.open(out / "mask" / "a.png"))
    assert (mask == 255).mean() < 0.15


ODD = "[x] $\\frac{$\n.tif"
NAMES: dict[str, tuple[str, dict[str, object]]] = {
    "vol.stk": ("vol.stk", {}),
    "a.lsm": ("a.lsm", {}),
    "b.btf": ("b.btf", {"bigtiff": True}),
    "none": ("none", {}),
    "c.png": ("c.png.tif", {}),
    "ij.tif": ("ij.tif", {"imagej": True, "truncate": True}),
    "negative.tif": ("negative.tif", {"photometric": "miniswhite"}),
    "n\udcff.tif": ("n\udcff.tif", {}),
    ODD: (ODD, {}),
    "10²5_0.tif": ("10²5_0.tif", {}),
    "n" * 238 + ".tif": ("n" * 238 + ".tif", {}),
}
"""Names of files, of their results, and what else they are."""


def test_every_section_of_a_stack_is_segmented_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "[" / "x]"
    folder.mkdir(parents=True)
    for name, (_, options) in NAMES.items():
        grey_tiff(folder / name, **options)
    done = run(folder, tmp_path / "out")
    assert done.sections == 3 * len(NAMES)
    assert all(name.isprintable() for name in done.names)
    for result, options in NAMES.values():
        found = tifffile.imread(tmp_path / "out" / "probability" / result)
        expected = 255 - STACK if "miniswhite" in options.values() else STACK
        np.testing.assert_array_equal(found, brightness(expected))


def test_the_preview_shows_any_name(tmp_path: Path) -> None:
    grey_tiff(tmp_path / ODD)
    job = plan(tmp_path / ODD, tmp_path / "out")
    assert segment_files(job, brightness, 0.5, f"{ODD}\udcff").preview.exists()


def test_hdf5_gives_tiffs(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = STACK
    done = run(tmp_path / "a.h5", tmp_path / "out")
    assert done.names == ("a.h5.tif",)
    found = tifffile.imread(tmp_path / "out/probability/a.h5.tif")
    np.testing.assert_array_equal(found, brightness(STACK))


def test_what_is_not_read_is_named(source: Path, tmp_path: Path) -> None:
    (source / "z.png").symlink_to("gone.png")
    with pytest.raises(DataError, match=r"z\.png is a link to gone\.png, which does not exist"):
        plan(source, tmp_path / "out")
    (source / "z.png").unlink()
    told = Listener()
    segment_files(plan(source, tmp_path / "out"), brightness, 0.5, "Sections", told)
    assert told.said == ["not read: more/, notes.txt"]
    Image.fromarray(section(0)).save(source / "z.jpg")
    with pytest.raises(DataError, match=r"z\.jpg is JPEG, which is not read"):
        plan(source, tmp_path / "out2")


class Killed(BaseException):
    """As a kill: nothing catches it."""


def killed_after(sections: int) -> Callable[[np.ndarray], np.ndarray]:
    """A network that is killed; counts its sections."""
    done = []

    def segment(stack: np.ndarray) -> np.ndarray:
        if len(done) == sections:
            raise Killed
        done.append(stack)
        return brightness(stack)

    return segment


def written(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".png"
    }


def test_a_killed_work_goes_on_and_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    segment_files(plan(source, whole), brightness, 0.5, name="ann")
    with pytest.raises(Killed):
        segment_files(plan(source, out), killed_after(3), 0.5, name="ann")
    told = Listener()
    done = segment_files(plan(source, out), killed_after(2), 0.5, "", told, name="ann")
    assert done.resumed == 3
    assert done.timing.megapixels < done.timing.results_megapixels
    assert "3 of 5 sections are done already; the rest follows" in told.said
    assert written(out) == written(whole)
    assert not (out / ".unfinished").exists()
    with pytest.raises(ConfigError, match="to be overwritten"):
        plan(source, out)


def test_a_kill_while_the_preview_is_drawn_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def drawn(_: object, __: object, path: Path, ___: object) -> Path:
        path.with_name(".preview-half.png").write_bytes(b"half")
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(files, "segmented_figure", drawn)
        segment_files(plan(source, out), brightness, 0.5, name="ann")
    assert segment_files(plan(source, out), brightness, 0.5, name="ann").resumed == 5
    names = sorted(path.name for path in out.iterdir())
    assert names == ["cells", "cells.csv", "mask", "preview.png", "probability"]


def test_another_network_does_not_go_on(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Killed):
        segment_files(plan(source, out), killed_after(3), 0.5, name="ann")
    assert segment_files(plan(source, out), brightness, 0.5, name="loihi").resumed == 0
    (out / ".unfinished").mkdir()
    with pytest.raises(ConfigError, match=r"a\.png exists.*to be overwritten"):
        segment_files(plan(source, out), brightness, 0.5, name="ann")


def test_workers_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        job = plan(source, tmp_path / str(workers))
        segment_files(job, brightness, 0.5, workers=workers)
    assert written(tmp_path / "1") == written(tmp_path / "2")


def test_only_a_few_sections_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "segmented_figure", lambda *about: about[2].touch() or about[2])
    section = np.zeros((200, 200), np.uint8)
    section[::10] = section[:, ::10] = 255
    peaks = []
    for count in (4, 4, 30):  # the first also imports
        path = tmp_path / f"{len(peaks)}.tif"
        with tifffile.TiffWriter(path) as writer:
            for _ in range(count):
                writer.write(section, photometric="minisblack", metadata=None)
        tracemalloc.start()
        segment_files(plan(path, tmp_path / f"out{len(peaks)}"), brightness, 0.5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    probabilities = 4 * 26 * section.size  # of the other sections
    assert peaks[2] - peaks[1] < probabilities / 3


def test_cells_are_pictures_and_a_table(tmp_path: Path) -> None:
    membrane = np.zeros((3, 40, 60), np.uint8)
    membrane[:, :, 30] = 255
    options = {"resolution": (0.25, 0.25), "metadata": {"unit": "nm", "axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "a.tif", membrane, imagej=True, **options)
    done = run(tmp_path / "a.tif", tmp_path / "out")
    assert done.cells == 6
    cells = tifffile.imread(tmp_path / "out/cells/a.tif")
    assert (cells.dtype, cells.shape, np.unique(cells).tolist()) == (np.uint16, (3, 40, 60), [1, 2])
    rows = list(csv.DictReader((tmp_path / "out/cells.csv").open()))
    assert [(row["section"], row["cell"]) for row in rows][:3] == [
        ("a.tif#0", "1"),
        ("a.tif#0", "2"),
        ("a.tif#1", "1"),
    ]
    assert float(rows[0]["area_um2"]) == pytest.approx(int(rows[0]["area_px"]) * 16 / 1e6)
    mask = open_volume(tmp_path / "out/mask/a.tif")
    assert (mask.flavour, mask.pixel_nm) == ("ImageJ", pytest.approx((4.0, 4.0)))


def test_agglomerated_cells_stay_apart_at_a_gap(tmp_path: Path) -> None:
    membrane = np.zeros((40, 60), np.uint8)
    membrane[:20, 29:32] = membrane[21:, 29:32] = 255
    Image.fromarray(membrane).save(tmp_path / "a.png")
    job = plan(tmp_path / "a.png", tmp_path / "out")
    assert segment_files(job, brightness, 0.5).cells == 1
    job = plan(tmp_path / "a.png", tmp_path / "out", overwrite=True)
    assert segment_files(job, brightness, 0.5, agglomerate=True).cells == 2


def test_a_zarr_gives_ome_zarrs(tmp_path: Path) -> None:
    done = run(ome_zarr(tmp_path / "a.ome.zarr", STACK), tmp_path / "out")
    assert done.names == ("a.ome.zarr",)
    found = open_volume(tmp_path / "out/probability/a.ome.zarr")
    np.testing.assert_array_equal(list(found.decode()), brightness(STACK))
    assert open_volume(tmp_path / "out/cells/a.ome.zarr").pixel_nm == (4.0, 4.0)


def test_a_blank_section_is_warned_about(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 24), 9, np.uint8)).save(tmp_path / "a.png")
    told = Listener()
    done = segment_files(plan(tmp_path / "a.png", tmp_path / "out"), brightness, 0.5, "", told)
    assert done.warnings == ("section a.png: it is blank: every pixel is 9",)
    assert told.said[-1] == f"WARNING: {done.warnings[0]}"


def test_float_sections_are_scaled_as_a_whole_stack(tmp_path: Path) -> None:
    values = np.linspace(-3, 5, 3 * 20 * 24).reshape(3, 20, 24)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    run(tmp_path / "a.tif", tmp_path / "out")
    expected = brightness(read_stack(tmp_path / "a.tif").pixels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/probability/a.tif"), expected)
