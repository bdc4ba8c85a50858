import numpy as np
import pytest

from spikeseg_core.loihi.emulator.links import LinkBuilder, joined, round_up, scale
from spikeseg_core.loihi.emulator.synapses import Synapses
from spikeseg_core.loihi.emulator.vectors import LANES


def synapses(*entries: tuple[int, int, int]) -> Synapses:
    return Synapses(*np.array(entries, np.int32).T.copy())


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((64, -192), (6, np.int16)), ((1, 2**15), (0, np.int32)), ((2**14, 2**14), (14, np.int16))],
)
def test_totals_count_in_the_power_of_two_that_all_weights_share(weights, expected):
    assert scale([synapses(*((0, 0, w) for w in weights))], 1) == expected


def test_listed_synapses_are_found_by_their_source():
    builder = LinkBuilder(n_rows=1, length=4)
    builder.add_lists(synapses((1, 3, 8), (0, 2, 16), (1, 0, 24)), 1, 2, 7, 70)
    links, lead, width = builder.build(3, np.int16)
    assert (lead, width) == (0, LANES)
    assert (links.row[0], links.first[0], links.length[0]) == (7, 70, 2)
    np.testing.assert_array_equal(links.list_start, [0, 1, 3])
    np.testing.assert_array_equal(links.list_target, [2, 3, 0])
    np.testing.assert_array_equal(links.list_weight, [2, 1, 3])


def test_rounding_up_and_joining():
    assert [round_up(n) for n in (0, 1, LANES, LANES + 1)] == [0, LANES, LANES, 2 * LANES]
    assert joined([], np.int16).dtype == np.int16
