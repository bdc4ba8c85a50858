"""SANA-FE: its description of the chip, written from this project's constants, and a run of it.

SANA-FE computes spikes, energy and time. It knows one mesh, no chips and no host: spikes of the
host enter at the tile they are sent to, for free. Its registers are real numbers; voltages are
divided by 64 here, because it rounds them to multiples of 1 / 64.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import yaml

from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.cost.constants import SILICON_FITTED, EventCost, LoihiConstants
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from tests.compare.synapses import Synapses, synapses

UNIT = 64.0
"""Units of the chip's voltage in one unit of SANA-FE's."""

CONVOLUTION, DENSE = "loihi_conv_synapse", "loihi_dense_synapse"
"""SANA-FE's names of the synapses."""

COLUMNS = LOIHI_1.mesh_shape[1]


def architecture(
    routers: np.ndarray, entries: dict[int, int], constants: LoihiConstants = SILICON_FITTED
) -> dict[str, Any]:
    """Describe a mesh of tiles of four cores, as SANA-FE reads it.

    Parameters
    ----------
    routers : (cores, 2) int
        Row and column of every core's router.
    entries : dict of int to int
        Spike sources of the host that enter at a tile, by the tile's number.
    """
    rows = max(int(routers[:, 0].max()) + 1, LOIHI_1.mesh_shape[0])
    soma = {
        **_cost("access_neuron", constants.neuron_idle),
        "energy_update_neuron": _pj(constants.neuron_active.pj - constants.neuron_idle.pj),
        "latency_update_neuron": _ns(constants.neuron_active.ns - constants.neuron_idle.ns),
        **_cost("spike_out", constants.spike),
    }
    core = _core(
        f"core[0..{LOIHI_1.cores_per_tile - 1}]",
        LOIHI_1.compartments,
        [_unit("compartment", model="leaky_integrate_fire", **soma)],
        message_in=constants.message_in,
        message_out=constants.message_out,
        synapses={
            CONVOLUTION: constants.synaptic_op,
            "loihi_sparse_synapse": constants.sparse_synaptic_op,
            DENSE: constants.dense_synaptic_op,
        },
    )
    nothing = EventCost(0.0, 0.0)
    free: dict[str, Any] = {
        "message_in": nothing,
        "message_out": nothing,
        "synapses": {CONVOLUTION: nothing},
    }
    hops = {
        direction: _cost(f"{direction}_hop", cost)
        for cost, pair in (
            (constants.hop_ns, ("north", "south")),
            (constants.hop_ew, ("east", "west")),
        )
        for direction in pair
    }
    tiles = []
    for tile in range(rows * COLUMNS):
        cores = [core]
        if tile in entries:
            sends = dict.fromkeys(soma, 0.0)
            unit = _unit(f"host[0..{entries[tile] - 1}]", model="input", **sends)
            cores.append(_core("entry", entries[tile], [unit], **free))
        attributes = {name: x for each in hops.values() for name, x in each.items()}
        tiles.append({"name": f"tile{tile}", "attributes": attributes, "core": cores})
    mesh = {
        "topology": "mesh",
        "width": COLUMNS,
        "height": rows,
        "link_buffer_size": 16,
        "sync_model": "table",
        "latency_sync": {n: _ns(ns) for n, ns in constants.barrier_ns},
    }
    return {"architecture": {"name": constants.name, "attributes": mesh, "tile": tiles}}


def differences(shipped: dict[str, Any], described: dict[str, Any]) -> list[str]:
    """Say which constants SANA-FE's own description of Loihi has otherwise than ours."""
    theirs, ours = (_constants(each["architecture"]) for each in (shipped, described))
    return [
        f"{name}: {theirs.get(name)} there, {value} here"
        for name, value in ours.items()
        if not np.isclose(theirs.get(name, np.nan), value, rtol=1e-9, atol=0)
    ]


def _constants(chip: dict[str, Any]) -> dict[str, float]:
    """Energies and latencies of the first tile, of its first core, and of the barrier."""
    tile = chip["tile"][0]
    core = tile["core"][0]
    found = dict(tile["attributes"])
    for kind in ("axon_in", "axon_out", "soma"):
        found |= core[kind][0]["attributes"]
    for unit in core["synapse"]:
        found |= {f"{unit['name']} {name}": value for name, value in unit["attributes"].items()}
    found |= {f"barrier of {n}": time for n, time in chip["attributes"]["latency_sync"].items()}
    return {name: value for name, value in found.items() if not name.endswith("model")}


def shipped() -> dict[str, Any]:
    """Read the description of Loihi that comes with SANA-FE."""
    import sanafe

    path = Path(sanafe.__file__).parent / "examples" / "loihi.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which SANA-FE cannot read."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def tile_of(routers: np.ndarray) -> np.ndarray:
    """Number of the tile at a row and column: SANA-FE counts down the columns of the mesh."""
    rows = max(int(routers[:, 0].max()) + 1, LOIHI_1.mesh_shape[0])
    return routers[:, 1] * rows + routers[:, 0]


def _core(
    name: str,
    neurons: int,
    soma: list[dict[str, Any]],
    *,
    message_in: EventCost,
    message_out: EventCost,
    synapses: dict[str, EventCost],
) -> dict[str, Any]:
    buffer = {"buffer_position": "soma", "buffer_inside_unit": False}
    return {
        "name": name,
        "attributes": {**buffer, "max_neurons_supported": neurons},
        "axon_in": [_unit("in", **_cost("message_in", message_in))],
        "synapse": [
            _unit(kind, model="current_based", **_cost("process_spike", cost))
            for kind, cost in synapses.items()
        ],
        "dendrite": [
            _unit("sum", model="accumulator", energy_update=0.0, latency_update=0.0),
        ],
        "soma": soma,
        "axon_out": [_unit("out", **_cost("message_out", message_out))],
    }


def _unit(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def _cost(event: str, cost: EventCost) -> dict[str, float]:
    return {f"energy_{event}": _pj(cost.pj), f"latency_{event}": _ns(cost.ns)}


def _pj(value: float) -> float:
    return value * 1e-12


def _ns(value: float) -> float:
    return value * 1e-9


def compartments(network: IntegerNetwork, block: int) -> list[dict[str, Any]]:
    """Parameters of every compartment of a block, in the names and units of SANA-FE.

    Its current decays without rounding, and there is no ceiling.
    """
    floor = float(network.block_vmin[block]) / UNIT
    return [
        {
            "threshold": float(network.vth[i]) / UNIT,
            "bias": float(network.bias[i]) / UNIT,
            "potential": float(network.voltage[i]) / UNIT,
            "input_decay": (4095 - int(network.decay_u[i])) / 4096,
            "leak_decay": (4096 - int(network.decay_v[i])) / 4096,
            "refractory_delay": int(network.refract[i]),
            "reset_mode": "hard",
            "reverse_threshold": floor,
            "reverse_reset_mode": "saturate",
        }
        for i in range(network.block_start[block], network.block_start[block + 1])
    ]


@dataclass(frozen=True, eq=False)
class SanaFeRun:
    """Result of a run.

    Attributes
    ----------
    spikes : (n_steps, compartments) bool
    pj : dict of str to (n_steps,) float
        Energy in picojoules: ``synapse``, ``soma`` and ``network`` (messages and hops).
    counts : dict of str to (n_steps,) int
        SANA-FE's own counters: compartments ``updated`` and ``fired``, without the host's; synapses
        ``reached`` by spikes; ``hops``.
    messages : int
        Messages sent, also by the host.
    step_ns : (n_steps,) float
        Modelled time of every step.
    seconds : float
        Time of the simulation.
    """

    spikes: np.ndarray
    pj: dict[str, np.ndarray]
    counts: dict[str, np.ndarray]
    messages: int
    step_ns: np.ndarray
    seconds: float


def run(
    network: IntegerNetwork,
    inputs: Sequence[np.ndarray],
    n_steps: int,
    placement: Placement,
    *,
    constants: LoihiConstants = SILICON_FITTED,
    synapse: str = CONVOLUTION,
    timing: str = "simple",
) -> SanaFeRun:
    """Run a network in SANA-FE, from the spikes of the host.

    Parameters
    ----------
    inputs : sequence of (n_steps, neurons) uint8
        Spikes sent by the host.
    synapse : {CONVOLUTION, DENSE}
        Which all synapses are.
    timing : {"simple", "detailed"}
        SANA-FE's model of time: the busiest core, or the messages on the mesh, too.
    """
    import sanafe

    wires = synapses(network)
    routers = router_of(placement.positions)
    tiles = tile_of(routers)
    entry = {
        (each.source, int(tiles[each.target])): inputs[-1 - each.source].shape[1]
        for each in wires
        if each.source < 0
    }
    at: dict[int, int] = {}
    for (_, tile), size in entry.items():
        at[tile] = at.get(tile, 0) + size
    with TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        path = Path(folder) / "architecture.yaml"
        described = yaml.dump(architecture(routers, at, constants), Dumper=_Plain)
        path.write_text(described, encoding="utf-8")
        arch = sanafe.load_arch(str(path))
        net = sanafe.Network()
        groups = _map(net, arch, network, tiles, inputs=inputs, entry=entry, synapse=synapse)
        for each in wires:
            source = (each.source, int(tiles[each.target])) if each.source < 0 else each.source
            _connect(groups[source], groups[each.target], each)
        chip = sanafe.SpikingChip(arch)
        chip.load(net)
        began = perf_counter()
        result = chip.sim(
            n_steps,
            timing_model=timing,
            processing_threads=os.cpu_count() or 1,
            spike_trace=True,
            perf_trace=True,
        )
        seconds = perf_counter() - began
    entered = sum((inputs[-1 - source].sum(axis=1, dtype=int) for source, _ in entry), np.int64(0))
    return _read(network, result, n_steps, entered, seconds)


def _map(
    net: Any,
    arch: Any,
    network: IntegerNetwork,
    tiles: np.ndarray,
    *,
    inputs: Sequence[np.ndarray],
    entry: dict[tuple[int, int], int],
    synapse: str,
) -> dict[Any, Any]:
    """Make a group for every block, and for every input at every tile it enters; map each."""
    groups: dict[Any, Any] = {}
    wired = {"default_synapse_hw_name": synapse}
    next_core = dict.fromkeys(range(len(arch.tiles)), 0)
    for block in range(network.n_blocks):
        cells = compartments(network, block)
        group = net.create_neuron_group(f"block{block}", len(cells), log_spikes=True, **wired)
        tile = int(tiles[block])
        core = arch.tiles[tile].cores[next_core[tile]]
        next_core[tile] += 1
        for neuron, attributes in zip(group, cells, strict=True):
            neuron.set_attributes(soma_hw_name="compartment", model_attributes=attributes)
            neuron.map_to_core(core)
        groups[block] = group
    used = dict.fromkeys(range(len(arch.tiles)), 0)
    for (source, tile), size in entry.items():
        sent = inputs[-1 - source].astype(bool)
        group = net.create_neuron_group(f"input{-1 - source}at{tile}", size, **wired)
        for i, neuron in enumerate(group):
            neuron.set_attributes(
                soma_hw_name=f"host[{used[tile] + i}]",
                model_attributes={"spikes": sent[:, i].tolist()},
            )
            neuron.map_to_core(arch.tiles[tile].cores[LOIHI_1.cores_per_tile])
        used[tile] += size
        groups[source, tile] = group
    return groups


def _connect(source: Any, target: Any, each: Synapses) -> None:
    pairs = list(zip(each.neuron.tolist(), each.compartment.tolist(), strict=True))
    source.connect_neurons_sparse(target, {"weight": (each.weight / UNIT).tolist()}, pairs)


def _read(
    network: IntegerNetwork,
    result: dict[str, Any],
    n_steps: int,
    entered: np.ndarray | np.int64,
    seconds: float,
) -> SanaFeRun:
    spikes = np.zeros((n_steps, network.n_neurons), bool)
    for step, fired in enumerate(result["spike_trace"]):
        for address in fired:
            block = int(address.group_name.removeprefix("block"))
            spikes[step, network.block_start[block] + address.neuron_offset] = True
    traced = {name: np.array(values) for name, values in result["perf_trace"].items()}
    return SanaFeRun(
        spikes,
        {name: 1e12 * traced[f"{name}_energy"] for name in ("synapse", "soma", "network")},
        {
            "updated": traced["updated"] - entered,
            "fired": traced["fired"] - entered,
            "reached": traced["spikes"],
            "hops": traced["hops"],
        },
        result["packets_sent"],
        1e9 * traced["sim_time"],
        seconds,
    )
