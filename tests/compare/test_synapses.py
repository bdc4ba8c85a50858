import numpy as np
import pytest

from spikeseg_core.testing import Case, cases
from spikeseg_core.testing.reference import Reference

from .synapses import synapses


class Explicit(Reference):
    """The reference, with weights that arrive synapse by synapse."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.network.arrays)
        self.wires = synapses(case.network)

    def arriving(self, spiked: np.ndarray, sent: list[np.ndarray]) -> np.ndarray:
        total, start = np.zeros(self.current.size, np.int64), self.net["block_start"]
        for each in self.wires:
            source = sent[-1 - each.source] if each.source < 0 else spiked[start[each.source] :]
            arrives = source[each.neuron].astype(bool)
            np.add.at(total, start[each.target] + each.compartment[arrives], each.weight[arrives])
        return total


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_synapses_by_themselves_give_the_same_spikes(case: Case) -> None:
    made = Explicit(case).run(case.inputs, len(case.spikes))
    np.testing.assert_array_equal(made, case.spikes.astype(bool))
