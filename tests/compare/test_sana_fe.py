from dataclasses import replace

import numpy as np
import pytest
import yaml

from spikeseg_core.loihi.cost.constants import CONSTANT_SETS, LoihiConstants
from spikeseg_core.loihi.mapping.placement import router_of
from spikeseg_core.testing import cases

from .sana_fe import UNIT, _Plain, architecture, compartments, differences, tile_of


@pytest.mark.parametrize("costs", CONSTANT_SETS.values(), ids=CONSTANT_SETS)
def test_the_description_has_the_constants_of_the_cost_model(costs: LoihiConstants) -> None:
    chip = architecture(router_of(np.arange(5)), {}, costs)["architecture"]
    assert chip["attributes"]["latency_sync"] == pytest.approx(
        {tiles: ns * 1e-9 for tiles, ns in costs.barrier_ns}
    )
    assert len(chip["tile"]) == 32
    tile = chip["tile"][0]
    assert tile["attributes"]["energy_north_hop"] == pytest.approx(costs.hop_ns.pj * 1e-12)
    assert tile["attributes"]["latency_west_hop"] == pytest.approx(costs.hop_ew.ns * 1e-9)
    (core,) = tile["core"]
    assert core["name"] == "core[0..3]"
    units = {kind: core[kind][0]["attributes"] for kind in ("soma", "axon_out")}
    synapses = {unit["name"]: unit["attributes"] for unit in core["synapse"]}
    for name, cost in {
        "loihi_conv_synapse": costs.synaptic_op,
        "loihi_sparse_synapse": costs.sparse_synaptic_op,
        "loihi_dense_synapse": costs.dense_synaptic_op,
    }.items():
        assert synapses[name]["energy_process_spike"] == pytest.approx(cost.pj * 1e-12)
        assert synapses[name]["latency_process_spike"] == pytest.approx(cost.ns * 1e-9)
    assert units["axon_out"]["latency_message_out"] == pytest.approx(costs.message_out.ns * 1e-9)
    active = sum(units["soma"][f"energy_{part}_neuron"] for part in ("access", "update"))
    assert active == pytest.approx(costs.neuron_active.pj * 1e-12)
    assert units["soma"]["energy_access_neuron"] == pytest.approx(costs.neuron_idle.pj * 1e-12)


def test_a_hop_of_its_mesh_is_a_hop_of_ours() -> None:
    """It numbers tiles down the columns, four to a column; we number them along the rows."""
    routers = router_of(np.arange(128))
    tiles = tile_of(routers)
    np.testing.assert_array_equal(np.stack([tiles % 4, tiles // 4], axis=1), routers)
    larger = router_of(np.arange(256))
    tiles = tile_of(larger)
    assert len(architecture(larger, {})["architecture"]["tile"]) == 64
    np.testing.assert_array_equal(np.stack([tiles % 8, tiles // 8], axis=1), larger)


def test_the_host_enters_for_free() -> None:
    tiles = architecture(router_of(np.arange(4)), {7: 12})["architecture"]["tile"]
    assert [len(tile["core"]) for tile in tiles] == [2 if k == 7 else 1 for k in range(32)]
    entry = tiles[7]["core"][1]
    assert entry["soma"][0]["name"] == "host[0..11]"
    costs = [
        value
        for kind in ("axon_in", "axon_out", "soma", "synapse", "dendrite")
        for name, value in entry[kind][0]["attributes"].items()
        if name.startswith(("energy", "latency"))
    ]
    assert len(costs) == 14
    assert not any(costs)


def test_the_description_is_yaml_without_anchors() -> None:
    described = architecture(router_of(np.arange(4)), {0: 1})
    text = yaml.dump(described, Dumper=_Plain)
    assert "&" not in text
    assert yaml.safe_load(text) == described


def test_constants_that_differ_from_its_own_are_named() -> None:
    ours = architecture(router_of(np.arange(4)), {})
    theirs = architecture(router_of(np.arange(4)), {})
    assert differences(theirs, ours) == []
    core = theirs["architecture"]["tile"][0]["core"][0]
    core["axon_out"][0]["attributes"]["energy_message_out"] = 1e-12
    core["synapse"] = [
        {"name": "loihi_dense_synapse", "attributes": {"energy_process_spike": 1.0}},
        *core["synapse"][:2],
    ]
    sent, *dense = differences(theirs, ours)
    assert sent.startswith("energy_message_out: 1e-12 there, 1.1")
    assert [each.split(":")[0] for each in dense] == [
        "loihi_dense_synapse energy_process_spike",
        "loihi_dense_synapse latency_process_spike",
    ]


def test_compartments_are_in_its_units() -> None:
    case = next(case for case in cases() if case.name == "rests-differ")
    n = replace(case.network, decay_v=np.full_like(case.network.decay_v, 1024))
    cells = compartments(n, 0)
    assert [cell["refractory_delay"] for cell in cells] == [1, 2, 4, 5, 9]
    assert {cell["threshold"] * UNIT for cell in cells} == {900}
    assert {cell["bias"] * UNIT for cell in cells} == {1000}
    assert {cell["leak_decay"] for cell in cells} == {0.75}
    assert {cell["input_decay"] for cell in cells} == {0}
