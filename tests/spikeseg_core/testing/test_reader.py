import inspect

from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.testing import reader
from spikeseg_core.testing.corpus import CASES


def test_it_needs_30_lines_json_and_numpy():
    source = inspect.getsource(reader)
    assert len(source.splitlines()) <= 30
    folder = CASES / "chain-of-5"
    network, inputs, spikes = reader.read_case(folder)
    assert set(network) == set(IntegerNetwork.load(folder).arrays)
    assert [x.shape for x in inputs] == [(24, 1)]
    assert spikes.shape == (24, 5)
    assert reader.read_names(folder)["block_names"] == [f"block{k}" for k in range(5)]
