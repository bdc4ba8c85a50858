from spikeseg_core.network import load_network
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.stages.test_contract import Made


def test_rates_by_neuron_are_kept_for_the_mapping(made: Made) -> None:
    network, _ = load_network(made["tune"][0])
    rates = load_arrays(made["convert"][0] / "rates.npz")
    for layer in network.layers:
        assert rates[layer.name].shape == network.shape(layer.name)
        assert (rates[layer.name] >= 0).all()
    assert max(r.max() for r in rates.values()) <= 1000
