from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import PresentationConfig
from spikeseg_core.presentation.levers import LEVERS, lever_tag, open_rows, sets_of, tried

DEPLOYED = PresentationConfig(steps=100, readout_window=0.5)
TABLE = pd.DataFrame(
    [
        (4, 0.5, 200, np.nan, False),
        (4, 0.5, 100, np.nan, False),
        (4, 0.5, 60, np.nan, False),
        (4, 0.7, 100, np.nan, False),
        (4, 0.5, 200, 0.02, False),
        (3, 0.5, 100, np.nan, False),
        (3, 0.7, 60, np.nan, False),
        (3, 0.5, 200, 0.02, False),
        (4, 0.5, 100, np.nan, True),
        (3, 0.5, 60, np.nan, True),
    ],
    columns=["tiles_per_axis", "window", "steps", "early_exit", "continuous"],
).assign(start=[True] + 9 * [False])


@pytest.mark.parametrize(
    ("opened", "rows"),
    [
        ((), [1]),
        (("steps",), [0, 1, 2]),
        (("tiles",), [1, 5]),
        (("read-out",), [1, 3]),
        (("early exit",), [1, 4]),  # a tile that stops by itself may run to the end
        (("steps", "tiles"), [0, 1, 2, 5]),
        (("tiles", "early exit"), [1, 4, 5, 7]),
        (("no resets",), [1, 8]),
        (("steps", "tiles", "no resets"), [0, 1, 2, 5, 8, 9]),
        (LEVERS, [*range(10)]),
    ],
)
def test_a_lever_frees_one_property(opened: tuple[str, ...], rows: list[int]) -> None:
    assert np.flatnonzero(open_rows(TABLE, DEPLOYED, opened)).tolist() == rows


def test_more_levers_never_have_fewer_points() -> None:
    every = sets_of(LEVERS)
    assert len(every) == 2 ** len(LEVERS)
    for fewer in every:
        for more in every:
            if set(fewer) <= set(more):
                have, also = (open_rows(TABLE, DEPLOYED, levers) for levers in (fewer, more))
                assert not (have & ~also).any()


def test_every_set_has_scores_of_its_own() -> None:
    assert lever_tag(()) == "benchmark/levers/none"
    assert lever_tag(("steps", "tiles")) == "benchmark/levers/steps+tiles"
    assert len(set(map(lever_tag, sets_of(LEVERS)))) == 2 ** len(LEVERS)


def test_only_what_was_tried_is_a_lever() -> None:
    assert tried(TABLE) == LEVERS
    assert tried(TABLE[~TABLE["continuous"]]) == ("steps", "tiles", "read-out", "early exit")
