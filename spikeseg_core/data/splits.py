"""Splits of a stack by contiguous blocks of sections: one split, or one fold of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spikeseg_core.errors import DataError

DEFAULT_SIZES = {"train": 20, "validation": 4, "test": 6}
"""Sections of each split of a stack of 30; other stacks are cut in this proportion."""
FEWEST_SECTIONS = len(DEFAULT_SIZES)
BLOCKS = (2, 3)
"""Rows and columns of blocks that the sections of a shorter stack are cut into."""
_LEAST_BLOCK = 32  # px
FEWEST_FOLDS = 3
"""One block of sections to test on, one to validate on, the rest to train on."""


def fitted_sizes(sections: int, stated: Mapping[str, int | None]) -> dict[str, int]:
    """Choose how many sections each split has.

    Parameters
    ----------
    sections : int
        Sections of the stack.
    stated : mapping of split name to int or None
        In the order of the stack. What is None is fitted: if all are, the whole stack is cut as
        20 : 4 : 6; otherwise they have these numbers, or what is left in their proportion.
    """
    free = {name: DEFAULT_SIZES[name] for name, size in stated.items() if size is None}
    known = {name: size for name, size in stated.items() if size is not None}
    left = sections - sum(known.values())
    if left < len(free) or (known and sum(free.values()) <= left):
        return {name: known.get(name, DEFAULT_SIZES[name]) for name in stated}
    share = left / sum(free.values()) if free else 0.0
    sizes = {name: max(1, round(size * share)) for name, size in free.items()}
    if free:
        largest = max(free, key=free.__getitem__)
        sizes[largest] = left - sum(size for name, size in sizes.items() if name != largest)
    return {name: (known | sizes)[name] for name in stated}


def as_options(sizes: Mapping[str, int]) -> str:
    """Command-line options that state the sizes of the splits."""
    return " ".join(f"--set dataset.{name}_sections={size}" for name, size in sizes.items())


def blocks(stack: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Cut every section into :data:`BLOCKS`, which become sections of their own.

    Parameters
    ----------
    stack : array (n, h, w)

    Returns
    -------
    blocks : array (n * 6, h // 2, w // 3)
        Row by row (columns and rows change places in a section that is higher than wide). Rows and
        columns that are left over at the lower and right edge are in no block.
    names : tuple of str
        ``NAME[rows, columns]``.

    Raises
    ------
    DataError
        If a block would have under 32 px a side.
    """
    _, height, width = stack.shape
    down, across = sorted(BLOCKS, reverse=height > width)
    high, wide = height // down, width // across
    if min(high, wide) < _LEAST_BLOCK:
        raise DataError(
            f"{len(stack)} sections of {width} x {height} px cannot be cut into {down} x {across} "
            f"blocks to train, validate and test on: these would have {wide} x {high} px, and need "
            f"{_LEAST_BLOCK}; give at least {FEWEST_SECTIONS} sections, or larger ones"
        )
    corners = [(row * high, column * wide) for row in range(down) for column in range(across)]
    cut = [stack[:, y : y + high, x : x + wide] for y, x in corners]
    found = np.ascontiguousarray(np.stack(cut, axis=1).reshape(-1, high, wide))
    return found, tuple(
        f"{name}[{y}:{y + high}, {x}:{x + wide}]" for name in names for y, x in corners
    )


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
            + f"), the stack has {sections}: {_smaller(sections)}"
        )
    ends = np.cumsum(list(sizes.values()))
    return {
        name: np.arange(end - size, end)
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def _smaller(sections: int) -> str:
    if sections < FEWEST_SECTIONS:
        return "leave the sizes of the splits out, and sections are cut into blocks"
    fit = fitted_sizes(sections, dict.fromkeys(DEFAULT_SIZES))
    return f"choose smaller splits ({as_options(fit)}), or leave their sizes out"


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
