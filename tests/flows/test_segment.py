from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from flows import segment
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.segmenter import Segmenter
from tasks import models


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that takes bright pixels for membrane."""
    segmenter = Segmenter(16, 2, lambda tiles: tiles)
    monkeypatch.setattr(segment, "load", lambda model, of_run: segmenter)


def section(seed: int, shape: tuple[int, ...] = (20, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.usefixtures("brightness")
def test_images_and_stacks_become_probabilities(tmp_path: Path) -> None:
    Image.fromarray(section(0)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "stack.tif", section(1, (3, 20, 24)), photometric="minisblack")
    written = segment.segment_files(
        [tmp_path / "a.png", tmp_path / "stack.tif"], tmp_path / "out", "ann"
    )
    stems = ["a", "stack-0", "stack-1", "stack-2"]
    assert [path.name for path in written] == [
        f"{stem}_membrane.{suffix}" for stem in stems for suffix in ("png", "tif")
    ]
    probability = tifffile.imread(tmp_path / "out" / "a_membrane.tif")
    assert probability.shape == (20, 24)
    assert probability.dtype == np.float32
    picture = np.asarray(Image.open(tmp_path / "out" / "a_membrane.png"))
    np.testing.assert_array_equal(picture, np.round(probability * 255).astype(np.uint8))
    assert np.corrcoef(probability.ravel(), section(0).ravel())[0, 1] > 0.9


@pytest.mark.usefixtures("brightness")
def test_sections_of_the_same_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.fromarray(section(0)).save(tmp_path / folder / "a.png")
    with pytest.raises(ConfigError, match="several sections are called a,"):
        segment.segment_files(
            [tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"], tmp_path / "out", "ann"
        )


def test_without_a_finished_run_it_says_what_to_do(home: Path, tmp_path: Path) -> None:
    Image.fromarray(section(0)).save(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"no finished stage 'deploy'.* run `spikeseg run`"):
        segment.segment_files([tmp_path / "a.png"], tmp_path / "out", "integer")


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        segment.segment_files([tmp_path / "gone.png"], tmp_path / "out", "ann")


@pytest.mark.parametrize("damage", [DataError("weights.npz is cut"), FileNotFoundError(2, "gone")])
def test_a_damaged_model_names_the_folder_to_delete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Exception
) -> None:
    ref = SimpleNamespace(folder=tmp_path / "tune-0123")

    def gather(*parts: object) -> None:
        raise damage

    monkeypatch.setattr(segment, "stage_and_those_before", lambda stage, of_run: {"tune": ref})
    monkeypatch.setattr(segment, "read_record", lambda folder: None)
    monkeypatch.setattr(models, "gather", gather)
    with pytest.raises(ConfigError, match=r"tune-0123, or .* is damaged .*; delete the folder"):
        segment.load("rate_tuned", None)
