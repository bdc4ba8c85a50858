import numpy as np
import pytest

from spikeseg_core.data.readers import Stack
from spikeseg_core.data.unlabelled import (
    UNLABELLED_FILE,
    load_unlabelled,
    refuse_labelled,
    save_unlabelled,
)
from spikeseg_core.errors import DataError
from spikeseg_core.storage import save_arrays

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 20)).astype(np.uint8)
STACK = Stack(PIXELS, ("a", "b", "c"))


def test_what_is_written_comes_back(tmp_path) -> None:
    facts = save_unlabelled(STACK, tmp_path)
    read = load_unlabelled(tmp_path, facts)
    assert read is not None and read.names == STACK.names
    np.testing.assert_array_equal(read.pixels, PIXELS)
    assert save_unlabelled(None, tmp_path / "none") is None
    assert load_unlabelled(tmp_path / "none", None) is None
    assert not (tmp_path / "none").exists()


def test_a_changed_or_missing_file_is_found(tmp_path) -> None:
    facts = save_unlabelled(STACK, tmp_path)
    for arrays in ({"images": PIXELS[::-1]}, {"others": PIXELS}):
        save_arrays(tmp_path / UNLABELLED_FILE, arrays)
        with pytest.raises(DataError, match=r"unlabelled\.npz was changed"):
            load_unlabelled(tmp_path, facts)
    (tmp_path / UNLABELLED_FILE).unlink()
    with pytest.raises(DataError, match="does not exist"):
        load_unlabelled(tmp_path, facts)


def test_a_labelled_section_is_refused_by_name() -> None:
    refuse_labelled(Stack(PIXELS[:2], ("a", "b")), Stack(PIXELS[2:], ("z",)))
    with pytest.raises(DataError, match=r"section without labels c has the pixels of z"):
        refuse_labelled(STACK, Stack(PIXELS[2:], ("z",)))
