"""Make the corpus: ``python -m spikeseg_core.testing.generate [FOLDER]``.

NengoLoihi's emulator runs every design, built from NengoLoihi's blocks, and a few networks that
NengoLoihi's builder and discretizer make. The result is the same for every run of this script.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.loihi.drop_in import nengo_loihi
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.storage import save_arrays, write_json, write_text
from spikeseg_core.testing import arithmetic, wiring
from spikeseg_core.testing.corpus import CASES, INDEX, Case
from spikeseg_core.testing.designs import Cells, Design, Wires
from spikeseg_core.testing.networks import (
    LayerSpec,
    Link,
    NetworkSpec,
    Truth,
    build,
    run_nengo_loihi,
)

DESIGNS = (*arithmetic.DESIGNS, *wiring.DESIGNS)

TABLE = """# The conformance corpus

Written by `python -m spikeseg_core.testing.generate`; `docs/how-to/peers.md` says how to use it.

| case | pins down | what happens |
|---|---|---|"""


def nengo_loihi_model(design: Design) -> Any:
    """Build a design from NengoLoihi's blocks, synapses and axons."""
    model = nengo_loihi.builder.Model()
    blocks = [_block(k, cells) for k, cells in enumerate(design.blocks)]
    for block in blocks:
        model.add_block(block)
    inputs = [
        nengo_loihi.inputs.SpikeInput(x.shape[1], label=f"input{i}")
        for i, x in enumerate(design.inputs)
    ]
    for spike_input in inputs:
        model.add_input(spike_input)
    for wires in design.wires:
        source = inputs[-1 - wires.source] if wires.source < 0 else blocks[wires.source]
        synapse = nengo_loihi.block.Synapse(
            len(wires.rows if wires.rows is not None else wires.weights)
        )
        _fill(synapse, wires)
        blocks[wires.target].add_synapse(synapse)
        axon = nengo_loihi.block.Axon(synapse.n_axons)
        axon.target = synapse
        if wires.axons is not None:
            atoms = None if wires.atoms is None else np.array(wires.atoms)
            axon.set_compartment_axon_map(np.array(wires.axons), atoms)
        source.add_axon(axon)
    model.voltages = {
        block: np.broadcast_to(np.asarray(cells.start, np.int32), cells.n)
        for block, cells in zip(blocks, design.blocks, strict=True)
    }
    return model


def _block(index: int, cells: Cells) -> Any:
    block = nengo_loihi.block.LoihiBlock(cells.n, label=f"block{index}")
    compartment = block.compartment
    for name, value in (
        ("vth", cells.vth),
        ("bias", cells.bias),
        ("decay_u", cells.decay_u),
        ("decay_v", cells.decay_v),
        ("refract_delay", cells.refract),
    ):
        setattr(compartment, name, np.array(np.broadcast_to(value, cells.n), np.int32))
    compartment.vmin, compartment.vmax = cells.vmin, cells.vmax
    compartment.scale_u = compartment.scale_v = False
    return block


def _fill(synapse: Any, wires: Wires) -> None:
    rows = [np.asarray(row, np.int32) for row in wires.weights]
    indices = None
    if wires.targets is not None:
        indices = [
            np.broadcast_to(np.asarray(t, np.int32), row.shape)
            for t, row in zip(wires.targets, rows, strict=True)
        ]
    synapse._set_weights_indices(rows, indices=indices, weight_dtype=np.int32)
    synapse.format(weight_exp=wires.exponent)
    synapse.pop_type = wires.pop_type
    synapse.axon_to_weight_map = wires.rows
    synapse.axon_compartment_bases = wires.bases


def run_model(model: Any, inputs: list[np.ndarray], n_steps: int) -> np.ndarray:
    """Run a model on NengoLoihi's emulator; return ``(n_steps, compartments)`` uint8."""
    for spike_input, spikes in zip(model.inputs, inputs, strict=True):
        for t in range(n_steps):
            spike_input.add_spikes(t + 1, np.flatnonzero(spikes[t]))
    made = []
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore")  # of overflows, which are wanted here
        with nengo_loihi.emulator.EmulatorInterface(model, seed=0) as emulator:
            voltages = getattr(model, "voltages", {})
            for block, part in emulator.block_info.slices.items():
                emulator.compartment.voltage[part] = voltages.get(block, 0)
            for _ in range(n_steps):
                emulator.step()
                made.append(emulator.compartment.spiked.astype(np.uint8))
    return np.array(made)


def discretized() -> Iterator[tuple[Case, Truth]]:
    """Run networks that NengoLoihi's builder and discretizer make."""

    def conv(source: int, kernel: int, stride: int = 1, pop_type: int = 16) -> Link:
        return Link(source, (kernel, kernel), stride, "same", up=False, pop_type=pop_type)

    def layer(side: int, tile: int, *links: Link, tau: float | None = 0.01) -> LayerSpec:
        return LayerSpec((side, side, 4), (tile, side, 4), links, tau, log_gain=2.5, bias=0.3)

    up = Link(0, (2, 2), 2, "same", up=True, pop_type=16)
    strided = layer(3, 3, conv(-1, 3, stride=2))
    for name, about, side, layers in (
        ("16", "in two blocks, with axons of format 16", 5, (layer(5, 3, conv(-1, 3)),)),
        ("32", "of format 32, into a current without memory", 5,
         (layer(5, 5, conv(-1, 3, pop_type=32), tau=None),)),
        ("strided", "of stride 2", 5, (layer(3, 2, conv(-1, 3, stride=2)),)),
        ("transposed", "down, and a transposed one up", 6, (strided, layer(6, 3, conv(-1, 1), up))),
        ("skip", "and a way around it", 5,
         (layer(5, 5, conv(-1, 3)), layer(5, 2, conv(0, 3), conv(-1, 1)))),
    ):  # fmt: skip
        spec = NetworkSpec((side, side, 2), layers, rate=500.0, weights="normal", seed=3)
        truth = run_nengo_loihi(build(spec)[0], 50)
        sentence = f"A convolution {about}, built and discretized by NengoLoihi."
        yield Case(f"convolution-{name}", "convolutions", sentence), truth


def write_corpus(folder: Path = CASES) -> list[Case]:
    """Make every case and write it; the folder's ``README.md`` lists them."""
    cases = []
    for design in (made for make in DESIGNS for made in make()):
        model = nengo_loihi_model(design)
        network = extract_network(model)
        case = Case(design.name, design.rule, design.about, folder)
        _write(case, network, design.inputs, run_model(model, design.inputs, design.n_steps))
        cases.append(case)
    for case, truth in discretized():
        _write(replace(case, folder=folder), truth.network, truth.inputs, truth.compartments)
        cases.append(case)
    entries = [{"name": c.name, "rule": c.rule, "about": c.about} for c in cases]
    write_json(folder / INDEX, entries)
    rows = [f"| `{c.name}` | {c.rule} | {c.about} |" for c in cases]
    write_text(folder / "README.md", "\n".join([TABLE, *rows, ""]))
    return cases


def _write(case: Case, network: IntegerNetwork, inputs: list[np.ndarray], spikes: Any) -> None:
    network.save(case.path)
    trains = {f"input{i}": np.asarray(x, np.uint8) for i, x in enumerate(inputs)}
    save_arrays(case.path / "spikes.npz", {**trains, "spikes": np.asarray(spikes, np.uint8)})


if __name__ == "__main__":
    print(f"{len(write_corpus(*map(Path, sys.argv[1:])))} cases")
