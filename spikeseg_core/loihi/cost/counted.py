"""Exact events from the emulator's counters and the placement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numba
import numpy as np
import scipy.sparse as sp

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.cost.events import OF_A_CORE, StepEvents
from spikeseg_core.loihi.emulator import CoreEvents
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from spikeseg_core.network.graph import DENSE


class EventCounter:
    """Converts the emulator's counters to the events that cost energy, step by step.

    Parameters
    ----------
    readout : str or sequence of str
        Ensembles whose spikes go to the host.

    Raises
    ------
    DataError
        If the placement is for another number of blocks.
    DeploymentError
        If there is no ensemble ``readout``.
    """

    def __init__(
        self, network: IntegerNetwork, placement: Placement, readout: str | Sequence[str]
    ) -> None:
        if len(placement.chips) != network.n_blocks:
            raise DataError(
                f"the placement is for {len(placement.chips)} blocks, the network has "
                f"{network.n_blocks}; they must be of the same mapping"
            )
        self._network, self._placement = network, placement
        names = [readout] if isinstance(readout, str) else readout
        indices = [network.ensemble_index(name) for name in names]
        self._last = np.flatnonzero(np.isin(network.block_ensemble, indices))
        self._maps: _Maps | None = None

    def count(self, counts: CoreEvents, before: CoreEvents | None = None) -> StepEvents:
        """Return the events of one run of the network.

        Parameters
        ----------
        counts : spikeseg_core.loihi.emulator.CoreEvents
            Counts of one tile, so that each step's busiest core can be found. All calls must be for
            runs of the same network.
        before : spikeseg_core.loihi.emulator.CoreEvents, optional
            Counts of the tile that this one follows without a reset, by default none.

        Returns
        -------
        StepEvents
            One presentation. Every compartment update counts as active: exact if all compartments
            have a bias, as in all networks of this project, otherwise an upper bound.

        Raises
        ------
        DataError
            If counts of several tiles were summed.
        """
        if counts.n_tiles != 1:
            raise DataError(f"counts of {counts.n_tiles} tiles are summed; count tile by tile")
        if self._maps is None:
            self._maps = _Maps(counts, self._network, self._placement, self._last)
        maps, sent = self._maps, counts.spikes_of.astype(np.float64)
        # A spike of one step is delivered in the next.
        under_way = np.zeros_like(sent[:1]) if before is None else before.spikes_of[-1:]
        delivered = np.vstack([under_way, sent[:-1]])
        cores = {
            "synaptic_ops": delivered @ maps.synapses,
            "dense_synaptic_ops": delivered @ maps.dense_synapses,
            "neuron_active": np.broadcast_to(maps.compartments, (len(sent), counts.n_cores)),
            "neuron_idle": np.zeros((len(sent), counts.n_cores)),
            "spikes": sent @ maps.spikes,
            "messages_out": sent @ maps.messages_out,
            "messages_in": delivered @ maps.messages_in,
        }
        front = _front(np.stack([cores[name] for name in OF_A_CORE], axis=2))
        candidates = np.argsort(~front, axis=1, kind="stable")[:, : front.sum(axis=1).max()]
        totals = {name: cores[name].sum(axis=1) for name in OF_A_CORE}
        totals |= {name: sent @ of_counter for name, of_counter in maps.others.items()}
        return StepEvents(
            chip_of_core=self._placement.chips,
            totals={name: n[None] for name, n in totals.items()},
            busy={
                name: np.take_along_axis(n, candidates, axis=1)[None] for name, n in cores.items()
            },
            by_connection={
                name: (delivered @ synapses)[None]
                for name, synapses in maps.synapses_by_connection.items()
            },
            reset=np.array([before is None]),
        )


@numba.njit(cache=True)
def _front(work: np.ndarray) -> np.ndarray:
    """Cores that may be the busiest at some cost per event: no other exceeds them in everything.

    Parameters
    ----------
    work : array (steps, cores, kinds of event)

    Returns
    -------
    bool array (steps, cores)
        Of equal cores, only the first.
    """
    steps, cores, kinds = work.shape
    front = np.ones((steps, cores), np.bool_)
    for step in range(steps):
        for core in range(cores):
            for other in range(cores):
                if other == core or not front[step, other]:
                    continue
                no_less, more = True, other < core
                for kind in range(kinds):
                    difference = work[step, other, kind] - work[step, core, kind]
                    no_less &= difference >= 0
                    more |= difference > 0
                    if not no_less:
                        break
                if no_less and more:
                    front[step, core] = False
                    break
    return front


class _Maps:
    """Events caused by one spike of each counter: by core ``(counters, cores)``, or in total."""

    def __init__(
        self,
        counts: CoreEvents,
        network: IntegerNetwork,
        placement: Placement,
        last: np.ndarray,
    ) -> None:
        shape = (counts.source.size, counts.n_cores)
        axons = np.diff(counts.fan_out_start)
        counter = np.repeat(np.arange(counts.source.size), axons)
        source, target = counts.source[counter], counts.fan_out_core

        def by_core(values: np.ndarray, at: np.ndarray, core: np.ndarray) -> sp.csr_array:
            return sp.coo_array((values.astype(np.float64), (at, core)), shape=shape).tocsr()

        def in_all(values: np.ndarray, axon: np.ndarray) -> np.ndarray:
            return np.bincount(counter[axon], values[axon], counts.source.size)

        on_chip = np.flatnonzero(counts.source >= 0)
        core = counts.source[on_chip]
        self.compartments = np.diff(network.block_start).astype(np.float64)
        self.spikes = by_core(np.ones(on_chip.size), on_chip, core)
        self.messages_out = by_core(axons[on_chip], on_chip, core)
        self.messages_in = by_core(np.ones(counter.size), counter, target)

        from_core = source >= 0
        sender = np.where(from_core, source, 0)  # the host has no place: its messages do not count
        stays = from_core & (placement.chips[sender] == placement.chips[target])
        routers = router_of(placement.positions)
        passed = np.abs(routers[sender] - routers[target])
        one = np.ones(counter.size)
        self.others: Mapping[str, np.ndarray] = {
            "messages_interchip": in_all(one, from_core & ~stays),
            "hops_ew": in_all(passed[:, 1], stays),
            "hops_ns": in_all(passed[:, 0], stays),
            "injected": in_all(one, ~from_core),
            "readout": np.isin(counts.source, last).astype(np.float64),
        }
        targets = [ensemble.name for ensemble in network.ensembles]
        inputs = [population.name for population in network.inputs]
        into = network.block_ensemble[target]
        origin = np.where(from_core, network.block_ensemble[sender], len(targets) - 1 - source)
        names = targets + inputs
        pairs = np.unique(np.stack([into, origin]), axis=1).T
        self.synapses_by_connection: dict[str, np.ndarray] = {}
        dense = np.zeros(counter.size, bool)
        for i, j in pairs:
            axons_of = (into == i) & (origin == j)
            reached = in_all(counts.fan_out_synapses, axons_of)
            self.synapses_by_connection[f"{targets[i]}/{names[j]}"] = reached
            dense |= axons_of & _is_dense(reached, network.ensembles[i].size)
        self.synapses, self.dense_synapses = (
            by_core(counts.fan_out_synapses[of], counter[of], target[of]) for of in (~dense, dense)
        )


def _is_dense(reached: np.ndarray, size: int) -> bool:
    """Whether a layer is fully connected: each neuron that reaches it reaches (nearly) all of it.

    ``reached`` are the synapses of a neuron of each counter into ``size`` neurons.
    """
    return bool(reached[reached > 0].min(initial=np.inf) >= DENSE * size)
