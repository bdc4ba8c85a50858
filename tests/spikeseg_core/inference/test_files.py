from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.files import Segmented, plan, segment_files
from tests.spikeseg_core.listener import Listener


def brightness(sections: np.ndarray) -> np.ndarray:
    """Stand in for a network: bright pixels are membrane."""
    return (sections / np.iinfo(sections.dtype).max).astype(np.float32)


def section(seed: int, shape: tuple[int, ...] = (20, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of an 8-bit PNG, a 16-bit TIFF of another size, a stack, and other files."""
    folder = tmp_path / "sections"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(section(0)).save(folder / "a.png")
    tifffile.imwrite(folder / "b.TIF", section(1, (9, 11)).astype(np.uint16) * 257)
    tifffile.imwrite(folder / "stack.tif", section(2, (3, 20, 24)), photometric="minisblack")
    Image.fromarray(section(3)).save(folder / "more" / "c.png")
    (folder / "notes.txt").write_text("cut on Monday")
    (folder / ".hidden.png").write_text("not an image")
    return folder


def run(source: Path, out: Path, threshold: float = 0.5, overwrite: bool = False) -> Segmented:
    return segment_files(plan(source, out, overwrite=overwrite), brightness, threshold, "Sections")


def test_probability_and_mask_have_the_names_and_sizes_of_the_images(
    source: Path, tmp_path: Path
) -> None:
    out, told = tmp_path / "out", Listener()
    done = segment_files(plan(source, out), brightness, 0.25, "Sections", told)
    assert done.names == ("a.png", "b.TIF", "stack.tif")
    assert done.sections == 5
    for kind in ("probability", "mask"):
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
    with pytest.raises(ConfigError, match=r"a\.png exists, and 6 more .* to be overwritten"):
        plan(source, out)
    run(source, out, threshold=0.9, overwrite=True)
    mask = np.asarray(Image.open(out / "mask" / "a.png"))
    assert (mask == 255).mean() < 0.15


def test_images_are_never_replaced_by_results(source: Path, tmp_path: Path) -> None:
    (tmp_path / "probability").symlink_to(source)
    with pytest.raises(ConfigError, match=r"results would replace .*a\.png; name another folder"):
        plan(source, tmp_path, overwrite=True)


def test_there_is_nothing_to_segment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no image; supported formats: \.png"):
        plan(tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match=r"gone does not exist; give a folder"):
        plan(tmp_path / "gone", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_image_that_cannot_be_read_is_named_before_anything_is_done(
    source: Path, tmp_path: Path
) -> None:
    (source / "z.png").write_bytes((source / "a.png").read_bytes()[:100])
    with pytest.raises(DataError, match=r"z\.png is damaged"):
        plan(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot be written to .*file.*; name another folder"):
        plan(source, tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        plan(source, tmp_path / "out")


STACK = section(5, (3, 20, 24))


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


def grey_tiff(path: Path, **options: object) -> None:
    tifffile.imwrite(path, STACK, **({"photometric": "minisblack"} | options))


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


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("n" * 246 + ".tif",), "has 250 bytes; results can have names of at most 245: rename it"),
        (("é" * 121 + ".tif",), "has 246 bytes"),
        (("vol.png", "vol.png.tif"), "two files would have the results vol.png.tif"),
        (("vol.tif", "VOL.TIF"), "VOL.TIF and vol.tif have the same number or name"),
    ],
)
def test_names_that_cannot_be_written_are_refused_before_anything_is_done(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in names:
        grey_tiff(folder / name)
    with pytest.raises(DataError, match=message):
        plan(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


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


def test_a_home_folder_is_found(source: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    job = plan(Path("~/sections"), Path("~/out"))
    assert job.sections == 5
    assert job.out == tmp_path / "out"
