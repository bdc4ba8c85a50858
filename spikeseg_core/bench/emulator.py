"""``spikeseg bench emulator``: this project's emulator compared with NengoLoihi's.

Both run the same integer network on the same input spikes, and every spike of every neuron is
compared. Beside it stands the least time that this machine can take, from counts
(:mod:`spikeseg_core.bench.limit`). The speed of shared machines drifts within seconds, so emulator
and machine are timed alternately, and their ratio is the median over the turns. Networks too large
for NengoLoihi's emulator are run on this one alone (:mod:`spikeseg_core.bench.larger`).
"""

from __future__ import annotations

import platform
import resource
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import get_num_threads

from spikeseg_core.bench import larger
from spikeseg_core.bench.limit import Work, beside_the_limit, vector_bytes
from spikeseg_core.bench.reference import GAINS, reference_network
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.data.tiles import standardize
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import host_layer, host_spikes
from spikeseg_core.network.neuron import spike_trains
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.stages.mapped import load_mapped

REFERENCE_STEPS = 40
TRAINED_STEPS = 200
REPEATS = 5


@dataclass(frozen=True)
class Case:
    """A network to measure.

    Attributes
    ----------
    model : nengo_loihi.builder.Model
        A built and discretized model.
    inputs : list of (n_steps, n) uint8
        Input spikes, one array per input of the model.
    """

    name: str
    model: Any
    inputs: list[np.ndarray]


def bench_emulator(
    trained: Mapping[str, tuple[PipelineConfig, Mapping[str, Path]]],
    report: Reporter = SILENT,
    *,
    reference_steps: int = REFERENCE_STEPS,
    trained_steps: int = TRAINED_STEPS,
    repeats: int = REPEATS,
) -> dict[str, Any]:
    """Measure both emulators on ``reference-235k`` at three rates and on trained networks.

    Parameters
    ----------
    trained : mapping of str to (PipelineConfig, mapping of str to Path)
        By name, the settings of a run and its finished folders up to ``partition``.
    reference_steps, trained_steps : int
        Steps to run on NengoLoihi's emulator and to compare spikes over.
    repeats : int
        Runs of this emulator; the ratio is their median.

    Returns
    -------
    dict
        ``networks``: one object per network, see :func:`measure`; ``larger``: those of this
        emulator alone, see :func:`spikeseg_core.bench.larger.measure`; ``machine``; ``basis``.
    """
    cases: list[Callable[[], Case]] = [partial(_reference, g, reference_steps) for g in GAINS]
    cases += [
        partial(_trained, name, config, folders, trained_steps)
        for name, (config, folders) in trained.items()
    ]
    networks = []
    for number, make in enumerate(cases):
        report.progress(number, len(cases), "networks on both emulators")
        networks.append(measure(make(), repeats, report))
        report.say("{name}: {ratio:.0f} times, spikes equal: {spikes_equal}".format(**networks[-1]))
    report.progress(len(cases), len(cases), "networks on both emulators")
    alone = []
    for network in larger.networks():
        report.say(f"{network.name}: {network.neurons_on_chip:,} neurons, on this emulator alone")
        alone.append(larger.measure(network, repeats=repeats))
    return {
        "networks": networks,
        "larger": alone,
        "machine": {
            "vector_bits": 8 * vector_bytes(),
            "processor": platform.processor() or platform.machine(),
            "threads": get_num_threads(),
        },
        "basis": "measured",
    }


def measure(case: Case, repeats: int = REPEATS, report: Reporter = SILENT) -> dict[str, Any]:
    """Measure one network on both emulators.

    Returns
    -------
    dict
        ``neurons``, ``cores``, ``steps``, ``mean_rate_hz``; ``nengo_loihi_s_per_step`` and
        ``ratio`` (medians), ``spikes_equal``; ``engine_peak_mib`` (this emulator's arrays) and
        ``process_peak_mib`` (the whole process, including NengoLoihi); and the keys of
        :func:`~spikeseg_core.bench.limit.beside_the_limit`.
    """
    network = extract_network(case.model)
    n_steps = case.inputs[0].shape[0]
    inputs = [spikes[None] for spikes in case.inputs]
    names = [ensemble.name for ensemble in network.ensembles]
    tracemalloc.start()
    emulator = Emulator(network)
    emulator.run(inputs, n_steps)
    engine_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    run = emulator.run(inputs, n_steps, record=names)
    spikes = run.spikes
    work = Work(
        network.n_neurons,
        run.events.spikes_of.sum() / n_steps,
        run.events.synaptic_operations.sum() / n_steps,
        emulator.chunk_steps,
    )
    found = beside_the_limit(lambda: emulator.run(inputs, n_steps), n_steps, work, repeats)
    fast = np.array(found.pop("seconds_of_turns"))
    slow_steps, equal = _run_nengo_loihi(case, network, spikes, report)
    # Every repeat-th step: as many measurements as for this emulator, over the same activity.
    slow = np.array([slow_steps[k::repeats].mean() for k in range(repeats)])
    return {
        "name": case.name,
        "neurons": network.n_neurons,
        "cores": network.n_blocks,
        "steps": n_steps,
        "mean_rate_hz": sum(s.sum() for s in spikes.values())
        / (network.n_neurons * n_steps * network.dt),
        "nengo_loihi_s_per_step": float(np.median(slow)),
        "ratio": float(np.median(slow / fast)),
        "spikes_equal": equal,
        "engine_peak_mib": engine_peak / 2**20,
        "process_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        **found,
    }


def _reference(gain: float, n_steps: int) -> Case:
    reference = reference_network(gain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with nengo_loihi.Simulator(reference.network, target="sim") as simulator:
            model = simulator.model
    spikes = spike_trains(reference.currents, n_steps)[0]
    return Case(f"reference-235k, gain {gain:g}", model, [spikes.reshape(n_steps, -1)])


def _trained(name: str, config: PipelineConfig, inputs: Mapping[str, Path], n_steps: int) -> Case:
    """Use the first tile of the validation split as input."""
    mapped = load_mapped(inputs)
    dataset = load_dataset(inputs["prepare"])
    sections = dataset.images[dataset.splits["validation"][:1]]
    tile = dataset.grid.cut(standardize(sections))[:1]
    return Case(
        name,
        mapped.blocks(config.presentation.synapse_ms).model,
        [
            host_spikes(
                mapped.network,
                mapped.weights,
                host_layer(mapped.network, given.name),
                tile,
                n_steps,
            )[0]
            .reshape(n_steps, -1)
            .view(np.uint8)
            for given in mapped.integer.inputs
        ],
    )


def _run_nengo_loihi(
    case: Case, network: IntegerNetwork, spikes: Mapping[str, np.ndarray], report: Reporter
) -> tuple[np.ndarray, bool]:
    """Time every step of NengoLoihi's emulator, and compare every spike."""
    n_steps = case.inputs[0].shape[0]
    expected = np.zeros((n_steps, network.n_neurons), bool)
    for k, ensemble in enumerate(network.ensembles):
        flat = spikes[ensemble.name][0].reshape(n_steps, -1)
        for block in network.ensemble_blocks(k):
            part = slice(network.block_start[block], network.block_start[block + 1])
            expected[:, part] = flat[:, network.neuron[part]]
    seconds = np.zeros(n_steps)
    equal = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows, which happen on the chip too
        with nengo_loihi.emulator.EmulatorInterface(case.model, seed=0) as emulator:
            emulator.compartment.voltage[:] = network.voltage
            for target, sent in zip(case.model.inputs, case.inputs, strict=True):
                for t in range(n_steps - 1):  # spikes of the last step would not arrive
                    target.add_spikes(t + 1, np.flatnonzero(sent[t]))
            for t in range(n_steps):
                began = time.perf_counter()
                emulator.step()
                seconds[t] = time.perf_counter() - began
                equal &= bool(np.array_equal(emulator.compartment.spiked, expected[t]))
                report.progress(t + 1, n_steps, f"steps of NengoLoihi's emulator, {case.name}")
    return seconds, equal
