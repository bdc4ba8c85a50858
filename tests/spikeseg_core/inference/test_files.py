from __future__ import annotations

import os
from pathlib import Path

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
