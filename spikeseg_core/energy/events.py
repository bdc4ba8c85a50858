"""What happens on the chip while tiles are presented, counted per core.

The counts come from the emulator (``basis="counted"``) or are expected values from mean firing
rates (``basis="from rates"``, :mod:`spikeseg_core.energy.from_rates`). The Loihi model
(:mod:`spikeseg_core.energy.loihi`) takes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.loihi import limits
from spikeseg_core.storage import load_arrays, save_arrays

EventBasis = Literal["counted", "from rates"]

PER_CORE = (
    "synaptic_ops",
    "neuron_active",
    "neuron_idle",
    "spikes",
    "messages_in",
    "messages_out",
    "messages_interchip",
)
"""The fields of :class:`EventCounts` of shape ``(rows, cores)``."""


@dataclass(frozen=True, eq=False)
class EventCounts:
    """Events of ``presentations`` presentations of one tile each, ``steps`` time steps long.

    Arrays of shape ``(rows, cores)`` hold totals over all presentations. A row is a part of the
    time; the rows together are all of it. The time model takes the busiest core of every row, so
    one row for every step (or for every step of every presentation) shows where cores wait for
    each other, and a single row stands for steps that are all alike.

    Attributes
    ----------
    steps : int
        Time steps of one presentation.
    presentations : int
        Presentations that the counts are summed over.
    basis : {"counted", "from rates"}
        Counted spike by spike, or expected from mean rates.
    chip_of_core : ndarray
        Chip of each core in use, int ``(cores,)``.
    synaptic_ops : ndarray
        Weights added to compartments of the core, ``(rows, cores)``.
    neuron_active, neuron_idle : ndarray
        Compartment updates of the core with and without new input in that step, ``(rows, cores)``.
    spikes : ndarray
        Spikes of the core's compartments, ``(rows, cores)``.
    messages_in : ndarray
        Spike messages that reach the core, from other cores and from the host, ``(rows, cores)``.
    messages_out : ndarray
        Spike messages that the core sends to cores: one a spike and destination core (Loihi's mesh
        is unicast), ``(rows, cores)``.
    messages_interchip : ndarray
        Those of ``messages_out`` that go to another chip, ``(rows, cores)``.
    hops_ew, hops_ns : float
        Routers passed east-west and north-south by the messages that stay on their chip.
    injected : float
        Spike messages sent from the host into the chips.
    readout : float
        Spikes of the last layer sent from the chips to the host.
    synaptic_ops_by_connection : mapping of str to float
        The synaptic operations again, by ``"target/source"``; adds up to their sum.
    """

    steps: int
    presentations: int
    basis: EventBasis
    chip_of_core: np.ndarray
    synaptic_ops: np.ndarray
    neuron_active: np.ndarray
    neuron_idle: np.ndarray
    spikes: np.ndarray
    messages_in: np.ndarray
    messages_out: np.ndarray
    messages_interchip: np.ndarray
    hops_ew: float
    hops_ns: float
    injected: float
    readout: float
    synaptic_ops_by_connection: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.steps < 1 or self.presentations < 1:
            raise DataError(
                f"event counts of {self.presentations} presentations of {self.steps} steps; both "
                "must be at least 1"
            )
        shape = (self.synaptic_ops.shape[0], len(self.chip_of_core))
        for name in PER_CORE:
            values = getattr(self, name)
            if values.shape != shape:
                raise DataError(
                    f"event counts: {name} has shape {values.shape}, expected (rows, cores) = "
                    f"{shape}"
                )
            if not np.isfinite(values).all() or (values < 0).any():
                raise DataError(f"event counts: {name} holds negative or non-finite numbers")
        by_connection = sum(self.synaptic_ops_by_connection.values())
        if not np.isclose(by_connection, self.synaptic_ops.sum(), rtol=1e-6):
            raise DataError(
                f"event counts: synaptic operations are {self.synaptic_ops.sum():.6g} by core and "
                f"{by_connection:.6g} by connection; they must be equal"
            )
        if (self.messages_interchip > self.messages_out * (1 + 1e-9)).any():
            raise DataError("event counts: a core sends more messages to other chips than in all")

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
        return int(np.ceil(cores / limits.CORES_PER_TILE).sum())

    def per_presentation(self) -> dict[str, float]:
        """Return the counts of one presentation of one tile, all cores together."""
        totals = {name: float(getattr(self, name).sum()) for name in PER_CORE}
        totals |= {
            "hops_ew": self.hops_ew,
            "hops_ns": self.hops_ns,
            "injected": self.injected,
            "readout": self.readout,
        }
        counts = {name: value / self.presentations for name, value in totals.items()}
        return counts | {"barriers": float(self.steps)}

    def save(self, path: Path) -> None:
        """Write all of it to one npz file, atomically."""
        scalars = ("steps", "presentations", "hops_ew", "hops_ns", "injected", "readout")
        names = sorted(self.synaptic_ops_by_connection)
        save_arrays(
            path,
            {name: getattr(self, name) for name in (*PER_CORE, "chip_of_core")}
            | {name: np.asarray(getattr(self, name)) for name in scalars}
            | {
                "basis": np.asarray(self.basis),
                "connections": np.asarray(names, dtype=np.str_),
                "connection_ops": np.asarray([self.synaptic_ops_by_connection[n] for n in names]),
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
        try:
            return cls(
                steps=int(arrays["steps"]),
                presentations=int(arrays["presentations"]),
                basis="counted" if str(arrays["basis"]) == "counted" else "from rates",
                chip_of_core=arrays["chip_of_core"],
                hops_ew=float(arrays["hops_ew"]),
                hops_ns=float(arrays["hops_ns"]),
                injected=float(arrays["injected"]),
                readout=float(arrays["readout"]),
                synaptic_ops_by_connection=dict(
                    zip(
                        arrays["connections"].tolist(),
                        arrays["connection_ops"].tolist(),
                        strict=True,
                    )
                ),
                **{name: arrays[name] for name in PER_CORE},
            )
        except KeyError as error:
            raise DataError(f"{path} holds no {error}; run the deploy stage again") from None
