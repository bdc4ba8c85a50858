"""Splits are contiguous blocks."""

import pytest

from spikeseg_core.data.splits import contiguous_splits
from spikeseg_core.errors import DataError


def test_blocks_follow_each_other():
    splits = contiguous_splits(10, {"train": 5, "validation": 2, "test": 2})
    assert {name: block.tolist() for name, block in splits.items()} == {
        "train": [0, 1, 2, 3, 4],
        "validation": [5, 6],
        "test": [7, 8],
    }


def test_too_short_a_stack_is_refused():
    with pytest.raises(DataError, match=r"need 9 sections \(train 5, test 4\), the stack has 8"):
        contiguous_splits(8, {"train": 5, "test": 4})
