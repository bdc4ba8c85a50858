"""How far the comparison moves with what is not known.

One thing is changed at a time, to the ends of what is plausible; everything else stays at the
headline: silicon-fitted constants, whole chips and their x86 cores charged, CPU total, online.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from spikeseg_core.energy.baseline import Baseline, ratios_by_accounting
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.devices.published import PUBLISHED_DEVICES
from spikeseg_core.energy.figure import EnergyFigure, select
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import IDLE_DEFINITIONS, LoihiModel, energy_range, loihi_energy
from spikeseg_core.network import Network

RATE_SPREAD = 0.25
"""Relative spread of spikes that is tried: a mean rate a quarter lower or higher."""


@dataclass(frozen=True)
class Swing:
    """What one unknown does to a ratio.

    Attributes
    ----------
    unknown : str
        What is changed.
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

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict of the fields."""
        return asdict(self)


@dataclass(frozen=True)
class Sensitivity:
    """A ratio and how it swings.

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
        return {
            "headline": self.headline,
            "swings": [swing.to_json() for swing in self.swings],
            "by_idle": self.by_idle,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sensitivity:
        """Read what :meth:`to_json` gave."""
        swings = tuple(Swing(**swing) for swing in data["swings"])
        return cls(data["headline"], swings, data["by_idle"])


def sensitivity(
    network: Network,
    loihi: Presented,
    cpu: Sequence[EnergyFigure],
    *,
    fastest: float = 1.0,
    model: LoihiModel | None = None,
) -> Sensitivity:
    """Vary every unknown of the ratio of the best CPU int8 online run to Loihi, one at a time.

    The network and the model are those of :func:`~spikeseg_core.energy.comparison.compare`; what is
    particular here:

    Parameters
    ----------
    network, cpu, model
        As there.
    loihi : Presented
        One way of presenting tiles.
    fastest : float
        Time of the CPU's fastest call over its median one, in its best run.
    """
    model = model or LoihiModel()
    events = loihi.events
    baseline = Baseline.best(cpu).cut_into(loihi.tiles)
    dynamic, total = (baseline.mj(charge) / loihi.tiles for charge in ("dynamic", "total"))
    seconds = baseline.total.seconds_per_section / loihi.tiles

    def ratio(m: LoihiModel = model, e: EventCounts = events, cpu_mj: float = total) -> float:
        return cpu_mj / loihi_energy(e, m).total_mj

    def models(**values: Sequence[Any]) -> Callable[[], Iterable[tuple[str, float]]]:
        ((name, choices),) = values.items()
        return lambda: ((_label(c), ratio(replace(model, **{name: c}))) for c in choices)

    def links() -> Iterable[tuple[str, float]]:
        for pj, ns in zip(k.INTERCHIP_PJ_RANGE, k.INTERCHIP_NS_RANGE, strict=True):
            changed = replace(model, interchip_pj=pj, interchip_ns=ns)
            yield f"{pj / 1e3:g} nJ, {ns:g} ns", ratio(changed)

    low, high = energy_range(events, model)
    published_cpu_w = PUBLISHED_DEVICES["cpu"].running_w
    by_tiles = Baseline.of(cpu, family="cpu", feed="tiles", precision="int8")
    host = by_tiles.cut_into(loihi.tiles).mj("total") / loihi.tiles
    hosted = loihi_energy(events, model).total_mj + loihi.host_share(network) * host
    cases: dict[str, Iterable[tuple[str, float]]] = {
        "constants": models(constants=list(k.CONSTANT_SETS.values()))(),
        "stated error of the constants": [
            ("all high", total / high),
            ("all low", total / low),
        ],
        "what Loihi's idle power is": models(idle=IDLE_DEFINITIONS)(),
        "what the CPU's energy is": [
            ("dynamic only", ratio(cpu_mj=dynamic)),
            ("total", ratio()),
            (f"published {published_cpu_w:g} W", ratio(cpu_mj=1e3 * published_cpu_w * seconds)),
        ],
        "how the CPU's time is taken": [
            ("fastest call", ratio(cpu_mj=fastest * total)),
            ("median call", ratio()),
        ],
        "link between chips": links(),
        "presentation time": [
            ("twice", ratio(e=with_steps(events, 2 * events.steps))),
            ("half", ratio(e=with_steps(events, max(1, events.steps / 2)))),
        ],
        "mean firing rate": [
            (f"{1 + s:g} x", ratio(e=with_spikes(events, 1 + s)))
            for s in (RATE_SPREAD, -RATE_SPREAD)
        ],
        "which neuron updates are active": [
            ("all", ratio(e=with_active(events, True))),
            ("none", ratio(e=with_active(events, False))),
        ],
        "the host's share": [
            ("charged", total / hosted),
            ("not charged", ratio()),
        ],
    }
    online = select(cpu, precision="int8", batch=1, component="total")
    if len(online) > 1:
        cases["how the CPU is fed"] = [
            (f.label, ratio(cpu_mj=f.cut_into(loihi.tiles).mj_per_section / loihi.tiles))
            for f in online
        ]
    swings = sorted(
        (_swing(unknown, list(found)) for unknown, found in cases.items()),
        key=lambda s: s.high / s.low,
        reverse=True,
    )
    return Sensitivity(ratio(), tuple(swings), ratios_by_accounting(loihi, baseline, model))


def _label(value: Any) -> str:
    return str(getattr(value, "name", value))


def _swing(unknown: str, cases: list[tuple[str, float]]) -> Swing:
    (low_case, low), *_, (high_case, high) = sorted(cases, key=lambda case: case[1])
    return Swing(unknown, low_case, high_case, low, high)


# -- events as they would be ---------------------------------------------------------------------


def with_steps(events: EventCounts, steps: float) -> EventCounts:
    """Return the events of a presentation of ``steps`` steps at the same rates."""
    return replace(_scaled(events, steps / events.steps), steps=steps)


def with_spikes(events: EventCounts, factor: float) -> EventCounts:
    """Return the events at ``factor`` times the firing rates, neuron updates unchanged."""
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


def _scaled(events: EventCounts, factor: float, but: Sequence[str] = ()) -> EventCounts:
    def scaled(counts: Mapping[str, Any]) -> dict[str, Any]:
        return {name: n if name in but else n * factor for name, n in counts.items()}

    return replace(
        events,
        totals=scaled(events.totals),
        busy=scaled(events.busy),
        synaptic_ops_by_connection=scaled(events.synaptic_ops_by_connection),
    )
