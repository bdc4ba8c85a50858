"""``spikeseg bench emulator``: this project's emulator beside NengoLoihi's, in one run.

Both get the same integer network and the same input spikes, and every spike of every neuron is
compared. The machine's own limit is measured on the same spikes: the faster of bare float32
convolutions and bare event-driven accumulation, plus reading and writing every current and voltage
once at the measured memory bandwidth. Speed of shared machines drifts within seconds, so emulator
and limit are timed in turn, and their ratio is the median over the turns.
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
"""Size of the arrays that memory bandwidth is measured with: far larger than any cache."""


@dataclass(frozen=True)
class Case:
    """A network to measure.

    Attributes
    ----------
    name : str
    model : nengo_loihi.builder.Model
        Built and discretized.
    inputs : list of (n_steps, n) uint8
        Spikes of each input of the model.
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
        By name: the run's settings and its finished folders up to ``partition``.
    report : Reporter
        Told of progress.
    reference_steps, trained_steps : int
        Steps that NengoLoihi's emulator is run, and that spikes are compared for.
    repeats : int
        Runs of this emulator; the ratio is the median over them.

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
        report.progress(number, len(cases), "networks, both emulators")
        networks.append(measure(make(), repeats, report))
        report.say("{name}: {ratio:.0f} times, spikes equal: {spikes_equal}".format(**networks[-1]))
    report.progress(len(cases), len(cases), "networks, both emulators")
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
        (arrays of this emulator) and ``process_peak_mib`` (everything so far, NengoLoihi
        included); ``limit_s_per_step`` with its parts (medians) and ``times_the_limit`` (median
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
    # Every repeat-th step: as many measurements as of the other side, over the same activity.
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
    """Take the first tile of the validation split as input."""
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
        warnings.simplefilter("ignore")  # overflows: the chip has them too
        with nengo_loihi.emulator.EmulatorInterface(case.model, seed=0) as emulator:
            emulator.compartment.voltage[:] = network.voltage
            for target, sent in zip(case.model.inputs, case.inputs, strict=True):
                for t in range(n_steps - 1):  # those of the last step would not arrive
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
    """Time this emulator and the least that these spikes cost on this machine, in turn.

    Returns
    -------
    fast : (repeats,) float
        Seconds per step of the emulator.
    limit : dict of str to (repeats,) float
        Seconds per step: ``dense`` (float32 convolutions; infinite where synapses are lists),
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
    calls["state"] = (copy, copied / (16 * emulator.network.n_neurons))
    calls["fast"] = (lambda: emulator.run(given, n_steps), n_steps)
    seconds = {name: np.full(repeats, np.inf) for name in (*calls, "dense")}
    for turn in range(-1, repeats):  # the first turn compiles, and is not counted
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
    """Give a call that does the float32 convolutions of all steps; None where some are lists."""
    network = emulator.network
    n_steps = inputs[0].shape[0]
    source = {name: s[0] for name, s in spikes.items()}
    source |= {
        p.name: s.reshape(n_steps, *p.shape) for p, s in zip(network.inputs, inputs, strict=True)
    }
    calls = []
    for layer in emulator.plan.layers:
        shape = network.ensembles[layer.index].shape
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
    """Give a call that adds up the spikes of some steps, without neurons, and how many steps."""
    plan, network = emulator.plan, emulator.network
    n_steps = min(inputs[0].shape[0], REFERENCE_STEPS)
    events = np.zeros((n_steps + 1) * plan.n_positions, np.uint16)
    counts = np.zeros((plan.n_rows, n_steps + 1), np.int32)
    by_slot = np.zeros((n_steps, plan.slot_source.size), np.int64)
    given = list(zip(plan.inputs, inputs, strict=True))
    given += [
        (layer.rows, spikes[network.ensembles[layer.index].name][0].reshape(len(inputs[0]), -1))
        for layer in plan.layers
    ]
    for rows, sent in given:
        read_input(rows, sent[:n_steps].view(np.uint8), events, counts, plan.slot, by_slot)

    def accumulate() -> None:
        for layer in plan.layers:
            _accumulate(layer.rows, layer.links, events, counts, n_steps)

    return accumulate, n_steps


@njit(cache=True, parallel=True)
def _accumulate(rows, links, events, counts, n_steps):  # type: ignore[no-untyped-def]
    """Do what ``run_layer`` does, without neurons."""
    for item in prange(rows.order.shape[0]):
        row = rows.order[item]
        totals = np.zeros(rows.width, links.weights.dtype)
        for t in range(n_steps):
            add_arrivals(totals, events, counts, links, row, t)


def _bare_copy() -> tuple[Callable[[], None], int]:
    """Give a call that copies a large array with all threads, and the bytes read and written."""
    source = np.ones(BANDWIDTH_BYTES // 8)
    target = np.zeros_like(source)
    return lambda: _copy(source, target), 2 * BANDWIDTH_BYTES


@njit(cache=True, parallel=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in prange(source.shape[0]):
        target[i] = source[i]
