import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.errors import ConfigError
from spikeseg_core.network import Layer, Network
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.sparsity import kept, masks, pruned, sparse
from tests.spikeseg_core.loihi.networks import random_network, random_weights


@given(
    seed=st.integers(0, 1000),
    groups=st.integers(1, 4),
    form=st.sampled_from([(1, 4), (3, 4), (2, 8), (7, 8)]),
)
def test_every_row_keeps_as_many_of_every_group_and_the_largest(
    seed: int, groups: int, form: tuple[int, int]
) -> None:
    layer = Layer("x", groups * form[1], (), kept=form[0], group=form[1])
    kernel = np.random.default_rng(seed).normal(size=(3, 2, 5, layer.channels))
    found = kept(kernel, layer)
    of_groups = found.reshape(3, 2, 5, groups, form[1])
    assert (of_groups.sum(axis=-1) == form[0]).all()
    size = np.abs(kernel).reshape(of_groups.shape)
    assert (
        np.where(of_groups, size, np.inf).min(axis=-1) > np.where(of_groups, 0, size).max(axis=-1)
    ).all()
    assert layer.reached == found[0, 0, 0].sum()


def test_equal_weights_are_kept_from_the_first_channel_on() -> None:
    layer = Layer("x", 8, (), kept=3, group=8)
    assert kept(np.ones((1, 1, 1, 8)), layer).tolist() == [[[[True] * 3 + [False] * 5]]]


def test_layers_are_sparse_where_their_channels_allow_it() -> None:
    def forms(network: Network) -> dict[str, tuple[int, int]]:
        return {layer.name: (layer.kept, layer.group) for layer in network.layers}

    found = forms(sparse(NETWORKS["paper"], 2))
    assert found["stem"] == (1, 1)  # on the host
    assert found["enc0"] == (2, 8)
    assert found["dec0"] == found["dec0b"] == (1, 4)  # 28 and 20 channels
    assert set(forms(sparse(sparse(NETWORKS["paper"], 2), 8)).values()) == {(1, 1)}
    assert forms(sparse(NETWORKS["paper"], 7))["dec0"] == (1, 1)  # 4 of 4
    odd = random_network(np.random.default_rng(0), channels=lambda _: 6)
    assert sparse(odd, 2) == odd
    with pytest.raises(ConfigError, match="from 1 to 8"):
        sparse(odd, 0)


def test_what_is_kept_follows_from_what_was_kept() -> None:
    rng = np.random.default_rng(0)
    network = sparse(random_network(rng, channels=lambda _: 8), 3)
    weights = random_weights(rng, network)
    once = pruned(network, weights)
    assert masks(network, once).keys() == masks(network, weights).keys()
    for key, mask in masks(network, weights).items():
        assert np.count_nonzero(once.kernels[key]) == mask.sum() == mask.size * 3 // 8
        np.testing.assert_array_equal(masks(network, once)[key], mask)
    counted = sum(int(np.count_nonzero(kernel)) for kernel in once.kernels.values())
    assert network.parameters == counted + sum(layer.channels for layer in network.layers) + 1


def test_a_network_keeps_its_form_in_json() -> None:
    network = sparse(NETWORKS["quick"], 2)
    assert Network.from_json(network.to_json()) == network
    old = network.to_json()
    for layer in old["layers"]:
        del layer["kept"], layer["group"]
    assert Network.from_json(old) == NETWORKS["quick"]
