import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.strategies import strategy_table
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.partition import STRATEGIES, partition
from spikeseg_core.loihi.mapping.traffic import traffic
from tests.spikeseg_core.loihi.networks import random_network

rng = np.random.default_rng(0)
NETWORK = random_network(rng, channels=lambda rng: 4, size=16)
TILES = {layer.name: (4, 4, 4) for layer in NETWORK.chip_layers()}
RATES = {layer.name: rng.gamma(0.5, 40.0, NETWORK.shape(layer.name)) for layer in NETWORK.layers}
TWO_CHIPS = Board(2, 24)
KNOWN = partition("round_robin", traffic(NETWORK, TILES, RATES), TWO_CHIPS).chips
MAPPING = CoreMapping(TILES, KNOWN)


def test_every_strategy_has_its_messages_time_and_energy():
    table = strategy_table(NETWORK, MAPPING, RATES, TWO_CHIPS)
    assert tuple(table["strategy"]) == tuple(STRATEGIES)
    assert set(table["chips"]) == {2}
    by_name = table.set_index("strategy")
    # The same tiles send the same messages; which of them cross is the strategy's affair.
    assert by_name["messages_per_step"].nunique() == 1
    across = by_name["interchip_messages_per_step"]
    assert across["optimized"] <= across["metis"] <= across["round_robin"]
    assert by_name["dynamic_uj"]["optimized"] < by_name["dynamic_uj"]["round_robin"]
    assert (by_name[["time_us", "dynamic_uj", "static_uj"]] > 0).all().all()


def test_on_one_chip_nothing_crosses():
    table = strategy_table(NETWORK, MAPPING, RATES, Board(1))
    assert (table["interchip_messages_per_step"] == 0).all()


def test_a_board_that_is_too_small_is_refused():
    with pytest.raises(MappingError):
        strategy_table(NETWORK, MAPPING, RATES, Board(1, 4))
