"""Events on the chip while tiles are presented.

:class:`EventCounts` is the input of the cost model (:mod:`spikeseg_core.loihi.cost.model`). The
counts are exact (``basis="counted"``), taken from :class:`StepEvents`, which the emulator fills for
every step of every presentation; or they are expected values from mean spike rates
(``basis="from rates"``, :mod:`spikeseg_core.loihi.cost.expected`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.storage import load_arrays, save_arrays

EventBasis = Literal["counted", "from rates"]

OF_A_CORE = (
    "synaptic_ops",
    "dense_synaptic_ops",
    "neuron_active",
    "neuron_idle",
    "spikes",
    "messages_out",
    "messages_in",
)
"""Events that a core spends time on."""

EVENTS = (*OF_A_CORE, "messages_interchip", "hops_ew", "hops_ns", "injected", "readout")
"""Events that cost energy, in addition to the barrier of every step.

``synaptic_ops``: weights added to compartments, but for those of fully connected layers, which are
``dense_synaptic_ops``. ``neuron_active``, ``neuron_idle``: compartment updates with and without
input (a spike, or a bias) in that step. ``spikes``: of compartments. ``messages_out``: spike
messages from core to core, one per spike and target core (Loihi's mesh is unicast);
``messages_interchip``: those of them that leave their chip. ``messages_in``: spike messages that
reach a core, from cores and from the host. ``hops_ew``, ``hops_ns``: routers passed east-west and
north-south by the messages that stay on their chip. ``injected``: messages from the host into the
chips. ``readout``: spikes of the last layer, sent to the host.
"""


_BEFORE_DENSE = tuple(name for name in EVENTS if name != "dense_synaptic_ops")
"""What files hold that were written when all synapses cost the same."""


@dataclass(frozen=True, eq=False)
class EventCounts:
    """Events of ``presentations`` presentations of one tile each.

    Attributes
    ----------
    steps : float
        Time steps of one presentation; the mean if presentations differ in length.
    presentations : int
        Number of presentations in the sums.
    basis : {"counted", "from rates"}
        Counted spike by spike, or expected from mean rates.
    chip_of_core : ndarray
        Chip of each core in use, int ``(cores,)``.
    totals : mapping of str to float
        Sums over all cores and presentations, by the names of :data:`EVENTS`.
    busy : mapping of str to ndarray
        Events of single cores by the names of :data:`OF_A_CORE`, ``(rows, candidates)``. Each row
        is a part of the time; together they cover all presentations. The candidates of a row are
        the cores that may be the busiest in it: all cores, or those that no other core exceeds in
        everything, padded with others or with zeros.
    synaptic_ops_by_connection : mapping of str to float
        Synaptic operations, dense ones too, by ``"target/source"``.
    reset : float
        Share of the presentations that begin with a reset of all compartments.
    """

    steps: float
    presentations: int
    basis: EventBasis
    chip_of_core: np.ndarray
    totals: Mapping[str, float]
    busy: Mapping[str, np.ndarray]
    synaptic_ops_by_connection: Mapping[str, float]
    reset: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.presentations < 1:
            raise DataError(
                f"event counts of {self.presentations} presentations of {self.steps} steps; both "
                "must be at least 1"
            )
        shape = self.busy["synaptic_ops"].shape
        for name in OF_A_CORE:
            if self.busy[name].shape != shape:
                raise DataError(
                    f"event counts: {name} of the busiest cores has shape "
                    f"{self.busy[name].shape}, expected (rows, candidates) = {shape}"
                )
        for name in EVENTS:
            if not np.isfinite(self.totals[name]) or self.totals[name] < 0:
                raise DataError(
                    f"event counts: {name} is {self.totals[name]}; it must be finite and not "
                    "negative"
                )
        by_connection = sum(self.synaptic_ops_by_connection.values())
        by_core = self.totals["synaptic_ops"] + self.totals["dense_synaptic_ops"]
        if not np.isclose(by_connection, by_core, rtol=1e-6):
            raise DataError(
                f"event counts: synaptic operations are {by_core:.6g} by core and "
                f"{by_connection:.6g} by connection; they must be equal"
            )
        if self.totals["messages_interchip"] > self.totals["messages_out"] * (1 + 1e-9):
            raise DataError("event counts: more messages between chips than in total")

    @property
    def cores(self) -> int:
        """Cores in use."""
        return len(self.chip_of_core)

    @cached_property
    def chips(self) -> int:
        """Chips in use."""
        return len(np.unique(self.chip_of_core))

    @cached_property
    def mesh_tiles(self) -> int:
        """Mesh tiles (4 cores each) in use, all chips together."""
        _, cores = np.unique(self.chip_of_core, return_counts=True)
        return int(np.ceil(cores / LOIHI_1.cores_per_tile).sum())

    def per_presentation(self) -> dict[str, float]:
        """Return the counts per presentation of one tile, over all cores."""
        counts = {name: self.totals[name] / self.presentations for name in EVENTS}
        return counts | {"barriers": float(self.steps)}

    def save(self, path: Path) -> None:
        """Write everything to one npz file, atomically."""
        connections = sorted(self.synaptic_ops_by_connection)
        save_arrays(
            path,
            {f"busy_{name}": self.busy[name] for name in OF_A_CORE}
            | {
                "steps": np.asarray(self.steps),
                "presentations": np.asarray(self.presentations),
                "reset": np.asarray(self.reset),
                "basis": np.asarray(self.basis),
                "chip_of_core": self.chip_of_core,
                "totals": np.asarray([self.totals[name] for name in EVENTS]),
                "connections": np.asarray(connections, dtype=np.str_),
                "connection_ops": np.asarray(
                    [self.synaptic_ops_by_connection[name] for name in connections]
                ),
            },
        )

    @classmethod
    def load(cls, path: Path) -> EventCounts:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing, damaged or inconsistent.
        """
        arrays = load_arrays(path)
        names = EVENTS if "busy_dense_synaptic_ops" in arrays else _BEFORE_DENSE
        try:
            return cls(
                steps=float(arrays["steps"]),
                presentations=int(arrays["presentations"]),
                basis="counted" if str(arrays["basis"]) == "counted" else "from rates",
                chip_of_core=arrays["chip_of_core"],
                totals={
                    "dense_synaptic_ops": 0.0,
                    **dict(zip(names, arrays["totals"].tolist(), strict=True)),
                },
                busy=_by_event("busy_", OF_A_CORE, arrays),
                synaptic_ops_by_connection=dict(
                    zip(
                        arrays["connections"].tolist(),
                        arrays["connection_ops"].tolist(),
                        strict=True,
                    )
                ),
                reset=float(arrays.get("reset", 1.0)),
            )
        except KeyError as error:
            raise DataError(f"{path} holds no {error}; run the deploy stage again") from None


@dataclass(frozen=True, eq=False)
class StepEvents:
    """Events of every step of every presentation, which also give those of shorter presentations.

    A step depends only on the steps before it, so the first N steps of a presentation are a
    presentation of N steps.

    Attributes
    ----------
    chip_of_core : ndarray
        Chip of each core in use, int ``(cores,)``.
    totals : mapping of str to ndarray
        Sums over all cores, ``(presentations, steps)``, by the names of :data:`EVENTS`.
    busy : mapping of str to ndarray
        Candidates for the busiest core, as in :class:`EventCounts`, by the names of
        :data:`OF_A_CORE`; ``(presentations, steps, candidates)``.
    by_connection : mapping of str to ndarray
        Synaptic operations by ``"target/source"``, ``(presentations, steps)``.
    reset : (presentations,) ndarray of bool
        Whether all compartments were reset before; otherwise it goes on from the one before.
    """

    chip_of_core: np.ndarray
    totals: Mapping[str, np.ndarray]
    busy: Mapping[str, np.ndarray]
    by_connection: Mapping[str, np.ndarray]
    reset: np.ndarray

    @property
    def presentations(self) -> int:
        """Number of presentations."""
        return int(self.totals["spikes"].shape[0])

    @property
    def steps(self) -> int:
        """Steps per presentation."""
        return int(self.totals["spikes"].shape[1])

    @classmethod
    def join(cls, parts: Sequence[StepEvents]) -> StepEvents:
        """Concatenate presentations to the same network."""
        first = parts[0]

        def joined(kind: str, names: Iterable[str]) -> dict[str, np.ndarray]:
            return {name: _put_together([getattr(p, kind)[name] for p in parts]) for name in names}

        return cls(
            first.chip_of_core,
            joined("totals", EVENTS),
            joined("busy", OF_A_CORE),
            joined("by_connection", first.by_connection),
            np.concatenate([part.reset for part in parts]),
        )

    def then(self, following: StepEvents, steps: int) -> StepEvents:
        """Return the same presentations, each gone on for the first ``steps`` steps of another."""

        def longer(kind: str) -> dict[str, np.ndarray]:
            own, more = getattr(self, kind), getattr(following, kind)
            return {
                name: _put_together([counts, more[name][:, :steps]], axis=1)
                for name, counts in own.items()
            }

        return replace(
            self,
            totals=longer("totals"),
            busy=longer("busy"),
            by_connection=longer("by_connection"),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as named arrays, for one file."""
        return {"chip_of_core": self.chip_of_core, "reset": self.reset} | {
            f"{kind}/{name}": counts
            for kind in ("totals", "busy", "by_connection")
            for name, counts in getattr(self, kind).items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> StepEvents:
        """Read the result of :meth:`arrays`, ignoring other arrays.

        Raises
        ------
        DataError
            If an array is missing.
        """
        try:
            totals = _by_event("totals/", EVENTS, arrays)
            return cls(
                arrays["chip_of_core"],
                totals,
                _by_event("busy/", OF_A_CORE, arrays),
                {
                    name.removeprefix("by_connection/"): counts
                    for name, counts in arrays.items()
                    if name.startswith("by_connection/")
                },
                # Earlier files know nothing but resets.
                arrays.get("reset", np.ones(len(totals["spikes"]), bool)),
            )
        except KeyError as error:
            raise DataError(f"events lack {error}; run the deploy stage again") from None

    def until(self, steps: int | np.ndarray) -> EventCounts:
        """Return the events of presentations that end after ``steps`` steps.

        Parameters
        ----------
        steps : int or ndarray
            One number for all presentations, or one for each, int ``(presentations,)``.

        Raises
        ------
        DataError
            If it is less than 1 or more than the steps counted.
        """
        ends = np.broadcast_to(np.asarray(steps), (self.presentations,))
        if ends.min() < 1 or ends.max() > self.steps:
            raise DataError(
                f"events were counted for {self.steps} steps; presentations of {ends.min()} to "
                f"{ends.max()} steps are outside 1 to {self.steps}"
            )
        happened = np.arange(self.steps) < ends[:, None]
        return EventCounts(
            steps=float(ends.mean()),
            presentations=self.presentations,
            basis="counted",
            chip_of_core=self.chip_of_core,
            totals={name: float(n[happened].sum()) for name, n in self.totals.items()},
            busy={name: n[happened] for name, n in self.busy.items()},
            synaptic_ops_by_connection={
                name: float(n[happened].sum()) for name, n in self.by_connection.items()
            },
            reset=float(self.reset.mean()),
        )


def _put_together(parts: Sequence[np.ndarray], axis: int = 0) -> np.ndarray:
    """Concatenate counts; where there are fewer candidates for the busiest core, zeros follow."""
    if parts[0].ndim == 3:
        most = max(counts.shape[2] for counts in parts)
        parts = [np.pad(n, ((0, 0), (0, 0), (0, most - n.shape[2]))) for n in parts]
    return np.concatenate(parts, axis)


def _by_event(
    kind: str, names: Iterable[str], arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Arrays of a file by the name of their event; earlier files count no dense operations."""
    none = np.zeros_like(arrays[f"{kind}synaptic_ops"])
    given = {f"{kind}dense_synaptic_ops": none, **arrays}
    return {name: given[f"{kind}{name}"] for name in names}
