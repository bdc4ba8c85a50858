from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.mapping.axis import Axis, clipped
from spikeseg_core.loihi.mapping.synapse_memory import entry_bits, synapse_memory


@pytest.mark.parametrize(
    ("synapses", "bits"),
    [(0, 0), (1, 64), (3, 64), (4, 128), (64, 17 * 64), (65, 18 * 64), (128, 34 * 64)],
)
def test_entries_take_whole_words(synapses, bits):
    # 16 bits a synapse and 10 an entry: 3 synapses in a word, 64 in 17 words.
    assert entry_bits(np.array([synapses]), 8, 8)[0] == bits


def test_a_kernel_is_stored_once_for_every_clipping():
    whole = clipped(Axis(6, 6, "conv", 3, 1), 0, 6)
    inner = whole[1:-1]  # clipped nowhere: one copy of 3 x 3 weights
    one = synapse_memory(inner, inner, 6, (1, 1), 8)
    assert one.bits == entry_bits(np.array([9]), 8, 6)[0]
    nine = synapse_memory(whole, whole, 6, (1, 1), 8)
    copies = np.outer([2, 3, 2], [2, 3, 2]).ravel()
    assert nine.bits == entry_bits(copies, 8, 6).sum()


def test_bases_below_a_smaller_range_repeat_the_kernel():
    rows = clipped(Axis(8, 8, "conv", 1, 1), 0, 8)
    usual = synapse_memory(rows, rows, 8, (1, 4), 8)
    assert usual.base_step == 4
    narrow = synapse_memory(rows, rows, 8, (1, 4), 8, chip=replace(LOIHI_1, base_range=64))
    assert narrow.bits > usual.bits
