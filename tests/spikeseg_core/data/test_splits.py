"""Splits are contiguous blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.data.splits import (
    DEFAULT_SIZES,
    as_options,
    blocks,
    contiguous_splits,
    fitted_sizes,
    fold_splits,
)
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


def test_the_refusal_gives_the_options_that_fit():
    with pytest.raises(
        DataError,
        match=r"the stack has 20: choose smaller splits \(--set dataset\.train_sections=13 "
        r"--set dataset\.validation_sections=3 --set dataset\.test_sections=4\), or leave",
    ):
        contiguous_splits(20, DEFAULT_SIZES)
    with pytest.raises(DataError, match="has 2: leave the sizes of the splits out"):
        contiguous_splits(2, DEFAULT_SIZES)


@pytest.mark.parametrize(
    ("sections", "stated", "expected"),
    [
        (30, (None, None, None), (20, 4, 6)),
        (20, (None, None, None), (13, 3, 4)),
        (12, (None, None, None), (8, 2, 2)),
        (3, (None, None, None), (1, 1, 1)),
        (6, (None, None, None), (4, 1, 1)),
        (100, (None, None, None), (67, 13, 20)),
        (30, (10, None, None), (10, 4, 6)),
        (20, (13, None, None), (13, 3, 4)),
        (20, (None, 1, 1), (18, 1, 1)),
        (20, (8, 2, 2), (8, 2, 2)),
    ],
)
def test_sizes_fit_the_stack(sections, stated, expected):
    sizes = fitted_sizes(sections, dict(zip(DEFAULT_SIZES, stated, strict=True)))
    assert tuple(sizes.values()) == expected
    assert as_options(sizes).startswith(f"--set dataset.train_sections={expected[0]} --set ")


@given(st.integers(3, 500))
def test_every_section_of_a_fitted_stack_is_used(sections):
    sizes = fitted_sizes(sections, dict.fromkeys(DEFAULT_SIZES))
    assert sum(sizes.values()) == sections
    assert min(sizes.values()) >= 1
    assert list(sizes) == list(DEFAULT_SIZES)


@pytest.mark.parametrize(("shape", "block"), [((64, 99), (32, 33)), ((101, 70), (33, 35))])
def test_blocks_of_a_section(shape, block):
    stack = np.arange(2 * shape[0] * shape[1]).reshape(2, *shape)
    found, names = blocks(stack, ("a", "b"))
    assert found.shape == (12, *block)
    assert len(set(names)) == 12
    for cut, name in zip(found, names, strict=True):
        file, where = name.removesuffix("]").split("[")
        (top, bottom), (left, right) = (map(int, part.split(":")) for part in where.split(", "))
        np.testing.assert_array_equal(cut, stack["ab".index(file)][top:bottom, left:right])


def test_sections_that_are_too_small_for_blocks():
    with pytest.raises(DataError, match=r"2 x 3 blocks .* would have 20 x 20 px, and need 32"):
        blocks(np.zeros((1, 40, 60)), ("a",))


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
