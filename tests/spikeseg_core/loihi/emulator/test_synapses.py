import numpy as np

from spikeseg_core.loihi.emulator.synapses import Kernel, Synapses, find_kernel
from spikeseg_core.loihi.integer_network import Population

SOURCE, TARGET = Population("a", (8, 8, 2)), Population("b", (4, 4, 3))


def synapses_of(kernel: Kernel) -> Synapses:
    """List every synapse of a convolution, in a random order."""
    found = []
    for source in np.ndindex(*SOURCE.shape):
        for target in np.ndindex(*TARGET.shape):
            row = source[0] * kernel.up - target[0] * kernel.down - kernel.row0
            column = source[1] * kernel.up - target[1] * kernel.down - kernel.column0
            if 0 <= row < kernel.weight.shape[0] and 0 <= column < kernel.weight.shape[1]:
                ends = (np.ravel_multi_index(p, q.shape) for p, q in
                        ((source, SOURCE), (target, TARGET)))  # fmt: skip
                found.append((*ends, kernel.weight[row, column, source[2], target[2]]))
    shuffled = np.random.default_rng(0).permutation(np.array(found, np.int32))
    return Synapses(*(np.ascontiguousarray(column) for column in shuffled.T))


def kernel() -> Kernel:
    weight = np.random.default_rng(1).integers(-128, 128, (3, 3, 2, 3)).astype(np.int32)
    return Kernel(up=1, down=2, row0=-1, column0=-1, weight=weight)


def test_a_convolution_is_recovered_from_its_synapses():
    found = find_kernel(synapses_of(kernel()), SOURCE, TARGET)
    assert found is not None
    assert found[:4] == kernel()[:4]
    np.testing.assert_array_equal(found.weight, kernel().weight)


def test_one_synapse_that_is_missing_or_differs_is_noticed():
    whole = synapses_of(kernel())
    assert find_kernel(Synapses(*(part[1:] for part in whole)), SOURCE, TARGET) is None
    weight = whole.weight.copy()
    weight[5] += 1
    assert find_kernel(whole._replace(weight=weight), SOURCE, TARGET) is None


def test_populations_without_rows_and_columns_have_no_kernel():
    assert find_kernel(synapses_of(kernel()), Population("a", (128,)), TARGET) is None
