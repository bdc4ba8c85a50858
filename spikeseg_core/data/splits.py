"""Splits of a stack by contiguous blocks of sections: one split, or one fold of several."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.errors import DataError

FEWEST_FOLDS = 3
"""One block of sections to test on, one to validate on, the rest to train on."""


def contiguous_splits(sections: int, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Cut a stack into blocks of neighbouring sections.

    Neighbouring sections show the same cells: a random split would test on training data.

    Parameters
    ----------
    sizes : mapping of split name to sections
        In the order of the stack. Sections after the last block stay unused.

    Returns
    -------
    dict of split name to int array
        Indices into the stack.

    Raises
    ------
    DataError
        If the stack is too short.
    """
    wanted = sum(sizes.values())
    if wanted > sections:
        raise DataError(
            f"the splits need {wanted} sections ("
            + ", ".join(f"{name} {size}" for name, size in sizes.items())
            + f"), the stack has {sections}: choose smaller splits"
        )
    ends = np.cumsum(list(sizes.values()))
    return {
        name: np.arange(end - size, end)
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def fold_splits(sections: int, folds: int, fold: int) -> dict[str, np.ndarray]:
    """Cut a whole stack into blocks, one per fold; a fold tests one and validates on the next.

    Over all folds every section is tested exactly once and validated exactly once. The last fold
    validates on the first block. Blocks differ by at most one section.

    Parameters
    ----------
    sections : int
        Sections of the stack; all are used.
    folds, fold : int
        At least 3 folds; the one wanted, from 0.

    Returns
    -------
    dict of split name to int array
        Indices into the stack, ascending. Training may be in two blocks.

    Raises
    ------
    DataError
        If there are fewer sections than folds, or no such fold.
    """
    if not 0 <= fold < folds or folds < FEWEST_FOLDS:
        raise DataError(
            f"there is no fold {fold} of {folds}: choose at least {FEWEST_FOLDS} folds, to train, "
            f"validate and test on, and one of them from 0 to {max(folds, FEWEST_FOLDS) - 1}"
        )
    if folds > sections:
        raise DataError(
            f"{folds} folds need at least {folds} sections, the stack has {sections}: "
            f"choose fewer folds"
        )
    blocks = np.array_split(np.arange(sections), folds)
    test, validation = blocks[fold], blocks[(fold + 1) % folds]
    train = np.setdiff1d(np.arange(sections), np.concatenate([test, validation]))
    return {"train": train, "validation": validation, "test": test}
