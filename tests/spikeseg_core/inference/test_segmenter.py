from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.inference.segmenter import FACTS, Segmenter, load_segmenter

ALL_MEMBRANE = Segmenter(8, 3, lambda tiles: np.full(tiles.shape, 20.0, np.float32))


@pytest.mark.parametrize("grey", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(2, 20, 13), (1, 5, 30)])
def test_sections_of_any_size_keep_it(grey: type, shape: tuple[int, int, int]) -> None:
    sections = np.arange(np.prod(shape)).reshape(shape).astype(grey)
    probability = ALL_MEMBRANE(sections)
    assert probability.shape == shape
    np.testing.assert_allclose(probability, 1)


@pytest.mark.parametrize(
    "sections", [np.zeros((20, 20), np.uint8), np.zeros((1, 20, 20), np.float32)]
)
def test_anything_but_a_stack_of_grey_images_is_refused(sections: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"a stack .* of uint8 or uint16 is needed"):
        ALL_MEMBRANE(sections)


@pytest.mark.parametrize("facts", [None, "{", '{"kind": "ann"}'])
def test_a_folder_without_a_segmenter_is_named(tmp_path: Path, facts: str | None) -> None:
    if facts is not None:
        (tmp_path / FACTS).write_text(facts)
    with pytest.raises(DataError, match="holds no segmenter"):
        load_segmenter(tmp_path)
