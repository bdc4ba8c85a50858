"""Cores to places on the mesh of their chip, and the messages on its links.

A chip's routers form a grid; four cores share one. A message passes the routers between two cores,
first along the row (east-west), then along the column (north-south), and costs energy at each hop.
Assigning cores to places is a quadratic assignment problem, solved by SciPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import quadratic_assignment

from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from spikeseg_core.loihi.mapping.traffic import Traffic


@dataclass(frozen=True)
class Hops:
    """Hops of the messages that stay on their chip, in total and by link.

    Attributes
    ----------
    east_west, north_south : float
        Hops per step along rows and along columns.
    links_east_west : ndarray
        Messages per step on the links between neighbouring columns, both directions, shape
        ``(chips, rows, columns - 1)``.
    links_north_south : ndarray
        The same between neighbouring rows, ``(chips, rows - 1, columns)``.
    """

    east_west: float
    north_south: float
    links_east_west: np.ndarray
    links_north_south: np.ndarray

    @property
    def total(self) -> float:
        """Hops per step."""
        return self.east_west + self.north_south

    @property
    def busiest_link(self) -> float:
        """Messages per step on the busiest link of any mesh."""
        return float(max(self.links_east_west.max(), self.links_north_south.max()))


def hops(messages: Traffic, placement: Placement, chip: Chip = LOIHI_1) -> Hops:
    """Count the hops of a placement, row first, then column."""
    entries = messages.between.tocoo()
    stays = placement.chips[entries.row] == placement.chips[entries.col]
    source, target, sent = entries.row[stays], entries.col[stays], entries.data[stays]
    where = router_of(placement.positions, chip)
    rows, columns = chip.mesh_shape
    chips = placement.chips[source]
    count = int(placement.chips.max()) + 1
    east_west = np.zeros((count, rows, columns - 1))
    north_south = np.zeros((count, rows - 1, columns))
    (r0, c0), (r1, c1) = where[source].T, where[target].T
    for link in range(columns - 1):
        passes = (np.minimum(c0, c1) <= link) & (link < np.maximum(c0, c1))
        np.add.at(east_west, (chips[passes], r0[passes], link), sent[passes])
    for link in range(rows - 1):
        passes = (np.minimum(r0, r1) <= link) & (link < np.maximum(r0, r1))
        np.add.at(north_south, (chips[passes], link, c1[passes]), sent[passes])
    return Hops(float(east_west.sum()), float(north_south.sum()), east_west, north_south)


def place_on_mesh(
    messages: Traffic, placement: Placement, seed: int = 0, chip: Chip = LOIHI_1
) -> Placement:
    """Find places on each chip's mesh with low hop energy.

    Chips do not change. The cores of a chip fill its routers without gaps, as in NengoLoihi. The
    result is never worse than the given placement.
    """
    graph = (messages.between + messages.between.T).tocsr()
    positions = placement.positions.copy()
    for number in np.unique(placement.chips):
        here = np.flatnonzero(placement.chips == number)
        flow = graph[here][:, here].toarray()
        energy = hop_energy(np.arange(len(here)), chip)
        start = positions[here]
        options = {"rng": np.random.default_rng(seed), "P0": "barycenter"}
        found = quadratic_assignment(flow, energy, method="faq", options=options).col_ind
        candidates: Sequence[np.ndarray] = (start, found)
        costs = [float((flow * energy[np.ix_(p, p)]).sum()) for p in candidates]
        positions[here] = candidates[int(np.argmin(costs))]
    return replace(placement, positions=positions)


def hop_energy(positions: np.ndarray, chip: Chip = LOIHI_1) -> np.ndarray:
    """Energy in pJ of a message's hops between these cores, shape ``(cores, cores)``."""
    where = router_of(positions, chip)
    distance = np.abs(where[:, None, :] - where[None, :, :])
    energy: np.ndarray = distance @ np.array(chip.hop_pj)
    return energy
