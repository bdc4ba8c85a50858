from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.network import (
    IMAGE,
    Connection,
    Layer,
    Network,
    Weights,
    kernel_key,
    load_network,
    save_network,
)
from spikeseg_core.network.catalogue import NETWORKS

UP = Connection("down", kind="conv_transpose", kernel=4, stride=2)
SMALL = Network(
    name="small",
    tile=16,
    layers=(
        Layer("stem", 2, (Connection(IMAGE, kernel=2, stride=2),), on_chip=False),
        Layer("down", 3, (Connection("stem", kernel=3, stride=2),)),
        Layer("up", 4, (UP, Connection("stem"))),
    ),
    readout=Connection("up", kind="conv_transpose", kernel=2, stride=2),
)


def random_weights(network: Network, seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    kernels = {
        kernel_key(t, c.source): rng.normal(size=network.kernel_shape(t, c)).astype(np.float32)
        for t, c in network.links()
    }
    biases = {layer.name: rng.normal(size=layer.channels) for layer in network.layers}
    biases["readout"] = np.zeros(1)
    return Weights(kernels, {k: v.astype(np.float32) for k, v in biases.items()})


def test_counts_are_those_worked_out_by_hand() -> None:
    assert SMALL.shape(IMAGE) == (16, 16, 1)
    assert SMALL.shape("down") == (4, 4, 3)
    assert SMALL.shape("up") == (8, 8, 4)
    assert SMALL.neurons_on_chip == 4 * 4 * 3 + 8 * 8 * 4
    assert SMALL.neurons_off_chip == 8 * 8 * 2
    kernels = 2 * 2 * 1 * 2 + 3 * 3 * 2 * 3 + 4 * 4 * 3 * 4 + 3 * 3 * 2 * 4 + 2 * 2 * 4 * 1
    assert SMALL.parameters == kernels + (2 + 3 + 4) + 1
    per_tile = (
        64 * (2 * 2 * 2)  # stem
        + 16 * (9 * 2 * 3)  # down
        + 16 * (16 * 3 * 4)  # up, from the small side
        + 64 * (9 * 2 * 4)  # its skip
        + 64 * (4 * 4)  # read-out
    )
    assert SMALL.multiply_adds == per_tile


@pytest.mark.parametrize("network", [SMALL, *NETWORKS.values()], ids=lambda n: n.name)
def test_json_gives_the_same_network_back(network: Network) -> None:
    assert Network.from_json(network.to_json()) == network


def test_saved_network_loads_with_equal_numbers(tmp_path) -> None:
    weights = random_weights(SMALL)
    save_network(tmp_path, SMALL, weights)
    network, loaded = load_network(tmp_path)
    assert network == SMALL
    assert loaded.sha256 == weights.sha256
    np.testing.assert_array_equal(loaded.kernel("up", "down"), weights.kernel("up", "down"))


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    save_network(tmp_path, SMALL, random_weights(SMALL, seed=0))
    (tmp_path / "other").mkdir()
    save_network(tmp_path / "other", SMALL, random_weights(SMALL, seed=1))
    (tmp_path / "other" / "weights.npz").replace(tmp_path / "weights.npz")
    with pytest.raises(ConfigError, match="mixes two networks"):
        load_network(tmp_path)


def test_damaged_weights_are_one_clear_message(tmp_path) -> None:
    save_network(tmp_path, SMALL, random_weights(SMALL))
    (tmp_path / "weights.npz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"weights\.npz cannot be read"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tile": 18}, "stride 2 does not divide the 9 pixels of 'stem'"),
        ({"layers": (*SMALL.layers, SMALL.layers[-1])}, "two layers called 'up'"),
        ({"layers": SMALL.layers[:2]}, "'up', which is not a layer before it"),
        ({"readout": Connection("up")}, "read-out gives 8 pixels, the tile has 16"),
        (
            {"layers": (*SMALL.layers[:2], Layer("up", 4, (UP, Connection("down"))))},
            r"inputs have sizes \[4, 8\]",
        ),
    ],
)
def test_a_network_that_does_not_add_up_says_where(changed, message) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **changed)


def test_unknown_layer_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no layer 'dwon'; it has stem, down, up"):
        SMALL.layer("dwon")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "5", "{}", '{"layers": 3}', "[" * 100_000, "\x00", '{"layers": [[]]}'],
)
def test_a_damaged_description_is_one_clear_message(tmp_path, content) -> None:
    save_network(tmp_path, SMALL, random_weights(SMALL))
    (tmp_path / "network.json").write_text(content)
    with pytest.raises(ConfigError, match=r"network\.json is damaged .*create the network again"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"stride": 2', '"stride": 0'), ('"tile": 16', '"tile": "x"'), ('"name"', '"named"')],
)
def test_a_description_that_was_edited_is_refused(tmp_path, before, after) -> None:
    save_network(tmp_path, SMALL, random_weights(SMALL))
    file = tmp_path / "network.json"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(ConfigError, match=r"network\.json is damaged"):
        load_network(tmp_path)
    file.unlink()
    with pytest.raises(ConfigError, match=r"network\.json does not exist"):
        load_network(tmp_path)
