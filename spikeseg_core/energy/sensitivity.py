"""Sensitivity of the comparison to the unknowns.

One unknown at a time is set to the ends of its plausible range; the others stay at the headline:
silicon-fitted constants, static power of whole chips and their x86 cores, CPU total, online.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spikeseg_core.energy.baseline import Baseline, ratios_by_accounting
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.devices.published import PUBLISHED_DEVICES
from spikeseg_core.energy.figure import select
from spikeseg_core.energy.host import Host
from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import IDLE_DEFINITIONS, LoihiModel, energy_range, loihi_energy

ACCOUNTINGS = ("Loihi's static-power accounting", "energy of the CPU")
"""Unknowns that are accountings, changed on one side alone."""

RATE_SPREAD = 0.25
"""Relative change of the mean spike rate, up and down."""


@dataclass(frozen=True)
class Swing:
    """Effect of one unknown on a ratio.

    Attributes
    ----------
    unknown : str
        The unknown.
    low_case, high_case : str
        Its values at the two ends.
    low, high : float
        The ratio there; ``low <= high``.
    """

    unknown: str
    low_case: str
    high_case: str
    low: float
    high: float


@dataclass(frozen=True)
class Sensitivity:
    """A ratio and its range for every unknown.

    Attributes
    ----------
    headline : float
        Energy of the CPU's best int8 online run, total, over Loihi's total.
    swings : tuple of Swing
        Widest first.
    by_idle : mapping of str to float
        The ratio under each pair of static-power accountings.
    """

    headline: float
    swings: tuple[Swing, ...]
    by_idle: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists."""
        return asdict(self) | {"swings": [asdict(swing) for swing in self.swings]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sensitivity:
        """Read the result of :meth:`to_json`."""
        swings = tuple(Swing(**swing) for swing in data["swings"])
        return cls(data["headline"], swings, data["by_idle"])


def sensitivity(
    loihi: Presented,
    host: Host,
    *,
    fastest: float = 1.0,
    model: LoihiModel | None = None,
) -> Sensitivity:
    """Vary the unknowns of the ratio of the best int8 online CPU run to Loihi, one at a time.

    Parameters
    ----------
    loihi : Presented
        One way of presenting tiles.
    host : Host
        The CPU: the opponent, and the host of the chips.
    fastest : float
        Time of the CPU's fastest call over the median, in its best run.
    model : LoihiModel, optional
        As for :func:`~spikeseg_core.energy.comparison.compare`.
    """
    model = model or LoihiModel()
    baseline = Baseline.best(host.cpu).cut_into(loihi.tiles)
    varied = _Varied(loihi.events, model, baseline.mj("total") / loihi.tiles)
    unknowns = (
        _unknowns_of_the_chips(varied)
        | _unknowns_of_the_cpu(varied, baseline, loihi.tiles, fastest)
        | _unknowns_of_the_input(varied, host, loihi)
    )
    swings = sorted(
        (_swing(unknown, list(found)) for unknown, found in unknowns.items()),
        key=lambda s: s.high / s.low,
        reverse=True,
    )
    return Sensitivity(varied.ratio(), tuple(swings), ratios_by_accounting(loihi, baseline, model))


Cases = Iterable[tuple[str, float]]
"""Values of an unknown in words, and the ratio with each."""


@dataclass(frozen=True)
class _Varied:
    """The ratio of a tile's energies, in which one thing is changed at a time."""

    events: EventCounts
    model: LoihiModel
    cpu_mj: float

    def ratio(
        self,
        model: LoihiModel | None = None,
        events: EventCounts | None = None,
        cpu_mj: float | None = None,
    ) -> float:
        cpu_mj = self.cpu_mj if cpu_mj is None else cpu_mj
        return cpu_mj / loihi_energy(events or self.events, model or self.model).total_mj

    def models(self, name: str, choices: Iterable[Any]) -> Cases:
        return ((_label(c), self.ratio(replace(self.model, **{name: c}))) for c in choices)


def _unknowns_of_the_chips(varied: _Varied) -> dict[str, Cases]:
    model, ratio = varied.model, varied.ratio
    low, high = energy_range(varied.events, model)
    found: dict[str, Cases] = {
        "constants": varied.models("constants", k.CONSTANT_SETS.values()),
        "stated error of the constants": [
            ("all high", varied.cpu_mj / high),
            ("all low", varied.cpu_mj / low),
        ],
        "Loihi's static-power accounting": varied.models("idle", IDLE_DEFINITIONS),
        "link between chips": [
            (f"{pj / 1e3:g} nJ, {ns:g} ns", ratio(replace(model, interchip_pj=pj, interchip_ns=ns)))
            for pj, ns in zip(k.INTERCHIP_PJ_RANGE, k.INTERCHIP_NS_RANGE, strict=True)
        ],
        "work of a core": [
            ("adds up", ratio(replace(model, overlapped=False))),
            ("receives while it sends", ratio(replace(model, overlapped=True))),
        ],
        "reset between tiles": [
            (f"{n:g} messages a compartment", ratio(replace(model, reset_messages=n)))
            for n in k.RESET_MESSAGES_RANGE
        ],
    }
    if model.sparse:
        found["sparse synapses"] = [
            (name, ratio(replace(model, sparse=sparse)))
            for name, sparse in (("as a convolution's", False), ("dearer", True))
        ]
    return found


def _unknowns_of_the_cpu(
    varied: _Varied, baseline: Baseline, tiles: int, fastest: float
) -> dict[str, Cases]:
    ratio = varied.ratio
    published_w = PUBLISHED_DEVICES["cpu"].running_w
    seconds = baseline.total.seconds_per_section / tiles
    return {
        "energy of the CPU": [
            ("dynamic only", ratio(cpu_mj=baseline.mj("dynamic") / tiles)),
            ("total", ratio()),
            (f"published {published_w:g} W", ratio(cpu_mj=1e3 * published_w * seconds)),
        ],
        "timing of the CPU": [
            ("fastest call", ratio(cpu_mj=fastest * varied.cpu_mj)),
            ("median call", ratio()),
        ],
    }


def _unknowns_of_the_input(varied: _Varied, host: Host, loihi: Presented) -> dict[str, Cases]:
    """Vary what is shown, for how long, who works for it, and how the CPU is fed."""
    events, ratio = varied.events, varied.ratio
    chips = loihi_energy(events, varied.model).total_mj
    hosted = chips + host.work(loihi)[2].mj_per_section / loihi.tiles
    found: dict[str, Cases] = {
        "presentation time": [
            ("twice", ratio(events=with_steps(events, 2 * events.steps))),
            ("half", ratio(events=with_steps(events, max(1, events.steps / 2)))),
        ],
        "mean spike rate": [
            (f"{1 + s:g} x", ratio(events=with_spikes(events, 1 + s)))
            for s in (RATE_SPREAD, -RATE_SPREAD)
        ],
        "active neuron updates": [
            ("all", ratio(events=with_active(events, True))),
            ("none", ratio(events=with_active(events, False))),
        ],
        "host's share": [
            ("charged", varied.cpu_mj / hosted),
            ("not charged", ratio()),
        ],
        "spikes of the host's layers": [
            ("made on the chip", ratio(events=with_neurons(events, host.network.neurons_off_chip))),
            ("made by the host", ratio()),
        ],
    }
    online = select(host.cpu, precision="int8", batch=1, component="total")
    if len(online) > 1:
        found["input of the CPU"] = [
            (f.label, ratio(cpu_mj=f.cut_into(loihi.tiles).mj_per_section / loihi.tiles))
            for f in online
        ]
    return found


def _label(value: Any) -> str:
    return str(getattr(value, "name", value))


def _swing(unknown: str, cases: list[tuple[str, float]]) -> Swing:
    (low_case, low), *_, (high_case, high) = sorted(cases, key=lambda case: case[1])
    return Swing(unknown, low_case, high_case, low, high)


# -- hypothetical events ------------------------------------------------------------------------


def with_steps(events: EventCounts, steps: float) -> EventCounts:
    """Return the events of ``steps`` steps at the same rates."""
    return replace(_scaled(events, steps / events.steps), steps=steps)


def with_spikes(events: EventCounts, factor: float) -> EventCounts:
    """Return the events at ``factor`` times the spike rates, with unchanged neuron updates."""
    return _scaled(events, factor, but=("neuron_active", "neuron_idle"))


def with_active(events: EventCounts, active: bool) -> EventCounts:
    """Return the events with every compartment update active, or every one idle."""

    def moved(counts: Mapping[str, Any]) -> dict[str, Any]:
        updates = counts["neuron_active"] + counts["neuron_idle"]
        return {
            **counts,
            "neuron_active": updates if active else 0 * updates,
            "neuron_idle": 0 * updates if active else updates,
        }

    return replace(events, totals=moved(events.totals), busy=moved(events.busy))


def with_neurons(events: EventCounts, neurons: int) -> EventCounts:
    """Return the events with ``neurons`` neurons more, on cores and chips of their own.

    Their currents are biases, so they are updated in every step. Their spikes cost as much as those
    that the host sends, and their cores are no busier than others.
    """
    cores = -(-neurons // LOIHI_1.compartments)
    chips = events.chip_of_core.max() + 1 + np.arange(cores) // LOIHI_1.cores
    updates = neurons * events.steps * events.presentations
    return replace(
        events,
        totals={**events.totals, "neuron_active": events.totals["neuron_active"] + updates},
        chip_of_core=np.concatenate([events.chip_of_core, chips]),
    )


def _scaled(events: EventCounts, factor: float, but: Sequence[str] = ()) -> EventCounts:
    def scaled(counts: Mapping[str, Any]) -> dict[str, Any]:
        return {name: n if name in but else n * factor for name, n in counts.items()}

    return replace(
        events,
        totals=scaled(events.totals),
        busy=scaled(events.busy),
        synaptic_ops_by_connection=scaled(events.synaptic_ops_by_connection),
    )
