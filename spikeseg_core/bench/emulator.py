"""``spikeseg bench emulator``: this project's emulator compared with NengoLoihi's.

Both run the same integer network on the same input spikes, and every spike of every neuron is
compared. A lower limit for this machine is measured on the same spikes: the faster of plain float32
convolutions and plain event-driven accumulation, plus the time to read and write every current and
voltage once at the measured memory bandwidth. The speed of shared machines drifts within seconds,
so emulator and limit are timed alternately, and their ratio is the median over the turns.
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
from numba import get_num_threads, njit, prange

from spikeseg_core.bench.reference import GAINS, reference_network
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.data.tiles import standardize
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.kernels import add_arrivals, read_input
from spikeseg_core.loihi.emulator.synapses import Kernel
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import host_layer, host_spikes
from spikeseg_core.network.neuron import spike_trains
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi, tf
from spikeseg_core.stages.mapped import load_mapped

REFERENCE_STEPS = 40
TRAINED_STEPS = 200
REPEATS = 5

BANDWIDTH_BYTES = 2**28
"""Size of the arrays for measuring memory bandwidth: far larger than any cache."""


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
        ``networks``: one object per network, see :func:`measure`; ``machine``; ``basis``.
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
    return {
        "networks": networks,
        "machine": {
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
        ``seconds_per_step`` (medians), ``ratio`` (median), ``spikes_equal``; ``engine_peak_mib``
        (this emulator's arrays) and ``process_peak_mib`` (the whole process, including
        NengoLoihi); ``limit_s_per_step`` with its parts (medians) and ``times_the_limit`` (median
        over the turns, see :func:`machine_limit`).
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
    spikes = emulator.run(inputs, n_steps, record=names).spikes
    fast, limit = machine_limit(emulator, case.inputs, spikes, repeats)
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
        "seconds_per_step": float(np.median(fast)),
        "ratio": float(np.median(slow / fast)),
        "spikes_equal": equal,
        "engine_peak_mib": engine_peak / 2**20,
        "process_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        "limit_s_per_step": float(np.median(limit["total"])),
        "limit_parts_s_per_step": {part: float(np.median(s)) for part, s in limit.items()},
        "times_the_limit": float(np.median(fast / limit["total"])),
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


def machine_limit(
    emulator: Emulator,
    inputs: list[np.ndarray],
    spikes: Mapping[str, np.ndarray],
    repeats: int = REPEATS,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Time this emulator and this machine's lower limit for the same spikes, alternately.

    Returns
    -------
    fast : (repeats,) float
        Seconds per step of the emulator.
    limit : dict of str to (repeats,) float
        Seconds per step: ``dense`` (float32 convolutions; infinite if synapses are lists),
        ``events`` (accumulation alone), ``state`` (reading and writing currents and voltages
        once) and ``total``, the faster of the first two plus the third.
    """
    n_steps = inputs[0].shape[0]
    convolutions = _bare_convolutions(emulator, inputs, spikes)
    accumulate, event_steps = _bare_events(emulator, inputs, spikes)
    copy, copied = _bare_copy()
    given = [sent[None] for sent in inputs]
    calls: dict[str, tuple[Callable[[], Any], float]] = {"events": (accumulate, event_steps)}
    if convolutions is not None:
        calls["dense"] = (convolutions, n_steps)
    neurons = sum(population.size for population in emulator.plan.ensembles)
    calls["state"] = (copy, copied / (16 * neurons))
    calls["fast"] = (lambda: emulator.run(given, n_steps), n_steps)
    seconds = {name: np.full(repeats, np.inf) for name in (*calls, "dense")}
    for turn in range(-1, repeats):  # the first turn compiles and is not counted
        for name, (call, steps) in calls.items():
            began = time.perf_counter()
            call()
            if turn >= 0:
                seconds[name][turn] = (time.perf_counter() - began) / steps
    total = np.minimum(seconds["dense"], seconds["events"]) + seconds["state"]
    return seconds.pop("fast"), {**seconds, "total": total}


def _bare_convolutions(
    emulator: Emulator, inputs: list[np.ndarray], spikes: Mapping[str, np.ndarray]
) -> Callable[[], None] | None:
    """Return a function that convolves all steps in float32; None if synapses are lists."""
    plan = emulator.plan
    n_steps = inputs[0].shape[0]
    source = {name: s[0] for name, s in spikes.items()}
    source |= {
        p.name: s.reshape(n_steps, *p.shape) for p, s in zip(plan.sources, inputs, strict=True)
    }
    calls = []
    for layer in plan.layers:
        shape = plan.ensembles[layer.index].shape
        for name, kernel in layer.kernels.items():
            if kernel is None:
                return None
            x = tf.constant(source[name].astype(np.float32))
            calls.append(_convolution(x, kernel, (n_steps, *shape)))

    def convolve() -> None:
        for call in calls:
            call()

    return convolve


def _convolution(x: Any, kernel: Kernel, shape: tuple[int, ...]) -> Callable[[], Any]:
    weight = kernel.weight.astype(np.float32)
    if kernel.up == 1:
        weight = tf.constant(weight)
        return lambda: tf.nn.conv2d(x, weight, kernel.down, "SAME").numpy()
    weight = tf.constant(weight.transpose(0, 1, 3, 2))
    return lambda: tf.nn.conv2d_transpose(x, weight, shape, kernel.up, "SAME").numpy()


def _bare_events(
    emulator: Emulator, inputs: list[np.ndarray], spikes: Mapping[str, np.ndarray]
) -> tuple[Callable[[], None], int]:
    """Return a function that accumulates spikes without neurons, and the steps it does."""
    plan = emulator.plan
    n_steps = min(inputs[0].shape[0], REFERENCE_STEPS)
    events = np.zeros((n_steps + 1) * plan.n_positions, np.uint16)
    counts = np.zeros((plan.n_rows, n_steps + 1), np.int32)
    by_slot = np.zeros((n_steps, plan.slot_source.size), np.int64)
    uncounted, none = np.full(n_steps, -1), np.zeros((0, 0), np.int32)
    given = list(zip(plan.inputs, inputs, strict=True))
    given += [
        (layer.rows, spikes[plan.ensembles[layer.index].name][0].reshape(len(inputs[0]), -1))
        for layer in plan.layers
    ]
    for rows, sent in given:
        read_input(
            rows, sent[:n_steps].view(np.uint8), events, counts, uncounted, plan.slot, by_slot, none
        )

    def accumulate() -> None:
        for layer in plan.layers:
            _accumulate(layer.rows, layer.links, events, counts, n_steps)

    return accumulate, n_steps


@njit(cache=True, parallel=True)
def _accumulate(rows, links, events, counts, n_steps):  # type: ignore[no-untyped-def]
    """Do the work of ``run_layer`` without neurons."""
    for item in prange(rows.order.shape[0]):
        row = rows.order[item]
        totals = np.zeros(rows.width, links.weights.dtype)
        for t in range(n_steps):
            add_arrivals(totals, events, counts, links, row, t)


def _bare_copy() -> tuple[Callable[[], None], int]:
    """Return a function that copies a large array on all threads, and the bytes it moves."""
    source = np.ones(BANDWIDTH_BYTES // 8)
    target = np.zeros_like(source)
    return lambda: _copy(source, target), 2 * BANDWIDTH_BYTES


@njit(cache=True, parallel=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in prange(source.shape[0]):
        target[i] = source[i]
