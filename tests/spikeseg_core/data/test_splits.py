"""Splits are contiguous blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.data.splits import contiguous_splits, fold_splits
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


def test_six_folds_of_five_sections():
    first, last = fold_splits(30, 6, 0), fold_splits(30, 6, 5)
    assert first["test"].tolist() == [0, 1, 2, 3, 4]
    assert first["validation"].tolist() == [5, 6, 7, 8, 9]
    assert first["train"].tolist() == list(range(10, 30))
    assert last["test"].tolist() == [25, 26, 27, 28, 29]
    assert last["validation"].tolist() == [0, 1, 2, 3, 4]
    assert last["train"].tolist() == list(range(5, 25))


@given(st.integers(3, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(3, n))))
def test_every_section_is_tested_once_and_validated_once(stack):
    sections, folds = stack
    found = [fold_splits(sections, folds, fold) for fold in range(folds)]
    for name in ("test", "validation"):
        blocks = [splits[name] for splits in found]
        assert sorted(np.concatenate(blocks).tolist()) == list(range(sections))
        assert all((np.diff(block) == 1).all() for block in blocks)
        assert {len(block) for block in blocks} <= {sections // folds, -(-sections // folds)}
    for splits in found:
        assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(sections))
        assert all(len(block) and (np.diff(block) > 0).all() for block in splits.values())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((30, 2, 0), "no fold 0 of 2: choose at least 3 folds"),
        ((30, 6, 6), "no fold 6 of 6: .* from 0 to 5"),
        ((30, 6, -1), "no fold -1 of 6"),
        ((5, 6, 0), "6 folds need at least 6 sections, the stack has 5"),
    ],
)
def test_folds_that_do_not_fit_are_refused(asked, message):
    with pytest.raises(DataError, match=message):
        fold_splits(*asked)
