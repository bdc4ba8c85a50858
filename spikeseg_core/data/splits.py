"""Splits of a stack by contiguous blocks of sections."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.errors import DataError


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
