"""All energy figures of one mapped network, and their ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from spikeseg_core.config.tolerances import EQUAL_ACCURACY
from spikeseg_core.energy.baseline import Baseline, accounting_table
from spikeseg_core.energy.devices.loihi import Presented, loihi_figures, with_host
from spikeseg_core.energy.devices.published import KEYWORD_SPOTTER, published_figures
from spikeseg_core.energy.figure import (
    EnergyFigure,
    Presentation,
    check_parts,
    find,
    score_tag,
    select,
)
from spikeseg_core.energy.host import Host
from spikeseg_core.energy.sensitivity import Sensitivity, sensitivity, with_neurons
from spikeseg_core.loihi.cost.constants import PRE_SILICON
from spikeseg_core.loihi.cost.model import LoihiModel, energy_range, loihi_energy

Accuracy = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Scores by :attr:`~spikeseg_core.energy.figure.EnergyFigure.device` and precision."""


@dataclass(frozen=True)
class Comparison:
    """Loihi and conventional devices on the same work.

    Attributes
    ----------
    figures : tuple of EnergyFigure
        Every device, precision, batch and component.
    ratios : mapping of str to float
        Energy of a conventional device over Loihi's; above 1, Loihi needs less.
    by_accounting : pandas.DataFrame
        Ratios under every static-power accounting,
        :func:`~spikeseg_core.energy.baseline.accounting_table`.
    sensitivity : Sensitivity
        Effect of the unknowns on the ratio, at the operating point if there is one, otherwise for
        the network as deployed.
    overtaking : mapping of str to (int or None)
        Smallest timed batch at which a conventional device needs less than Loihi; None if none.
    loihi_scores : mapping of str to (mapping of str to float)
        Scores by presentation; those of ``"deployed"`` are on the test split only.
    accuracy : mapping of str to (mapping of str to (mapping of str to float))
        Scores by conventional device and precision: the networks that were timed, on the same
        sections.
    facts : mapping
        For the deployed network: cores, chips, steps, step rate, events, Loihi's dynamic energy by
        kind of event, and the range of its total from the constants' stated errors. ``host``: by
        presentation, the host's energy, that of each of its parts, and what the chips would take
        to make its spikes.
    """

    figures: tuple[EnergyFigure, ...]
    ratios: Mapping[str, float]
    by_accounting: pd.DataFrame
    sensitivity: Sensitivity
    overtaking: Mapping[str, int | None]
    loihi_scores: Mapping[Presentation, Mapping[str, float]]
    accuracy: Accuracy
    facts: Mapping[str, Any]

    def table(self) -> pd.DataFrame:
        """One row per figure."""
        return pd.DataFrame([f.to_json() for f in self.figures])

    def metrics(self) -> dict[str, float]:
        """Flat names: ``energy/loihi_total_mj``, ``energy/ratio_cpu_int8_online``, ..."""
        ours = [f for f in self.figures if f.basis != "published"]
        named = {f"{f.name}_{f.component}_mj": f.mj_per_section for f in ours}
        named |= {
            f"{f.name}_seconds": f.seconds_per_section for f in select(ours, component="total")
        }
        named |= {f"ratio_{name}": ratio for name, ratio in self.ratios.items()}
        return {f"energy/{name}": value for name, value in named.items()}

    def least_ratios(self) -> dict[str, float]:
        """Least ratio over all accountings by flat name, published devices included."""
        least = self.by_accounting.groupby("name", sort=False)["ratio"].min()
        return {f"energy/least_ratio_{name}": float(ratio) for name, ratio in least.items()}

    def scores(self) -> dict[str, Mapping[str, float]]:
        """Scores by device and precision (``cpu_int8``), except those of the deployed network."""
        return {
            score_tag(device, precision): scores
            for device, by_precision in (self._on_loihi() | dict(self.accuracy)).items()
            for precision, scores in by_precision.items()
            if device != "loihi"
        }

    def _on_loihi(self) -> dict[str, Mapping[str, Mapping[str, float]]]:
        names = {way: "loihi" + _suffix(way).replace("_", " ") for way in self.loihi_scores}
        return {names[way]: {"int8": scores} for way, scores in self.loihi_scores.items()}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain dicts and lists."""
        on_loihi, score = self._on_loihi(), "test/pixel_accuracy"
        cpu = self.accuracy["cpu"]["int8"][score]
        differences = {name: found["int8"][score] - cpu for name, found in on_loihi.items()}
        return {
            "accuracy": on_loihi | dict(self.accuracy),
            "equal_accuracy": all(abs(d) <= EQUAL_ACCURACY for d in differences.values()),
            "pixel_accuracy_less_cpu_int8": differences,
            "figures": [f.to_json() for f in self.figures],
            "ratios": dict(self.ratios),
            "ratios_by_idle": self.by_accounting.to_dict("records"),
            "sensitivity": self.sensitivity.to_json(),
            "overtaking_batch": dict(self.overtaking),
            **self.facts,
        }


def compare(
    loihi: Mapping[Presentation, Presented],
    host: Host,
    *,
    others: Sequence[EnergyFigure] = (),
    loihi_scores: Mapping[Presentation, Mapping[str, float]],
    accuracy: Accuracy,
    fastest: float = 1.0,
    model: LoihiModel | None = None,
) -> Comparison:
    """Compare the figures of all devices.

    Parameters
    ----------
    loihi : mapping of str to Presented
        The network as ``"deployed"``, and other ways of presenting tiles.
    host : Host
        The CPU: the opponent, and the host of the chips.
    others : sequence of EnergyFigure
        Measured on a GPU or a board. Published devices are always added.
    loihi_scores, accuracy : mapping
        As in :class:`Comparison`; must include the int8 CPU on tiles.
    fastest : float
        Time of the CPU's fastest call over the median, in its best run.
    model : LoihiModel, optional
        Default: silicon-fitted constants, static power of whole chips and their x86 cores.

    Raises
    ------
    ConfigError
        If the parts of a device do not add up, or the CPU has no int8 online figure.
    """
    model = model or LoihiModel()
    events, tiles = loihi["deployed"].events, loihi["deployed"].tiles
    pre_silicon = replace(model, constants=PRE_SILICON)
    network, cpu = host.network, host.cpu
    modelled = [*loihi_figures(events, tiles, pre_silicon, variant="pre-silicon")]
    for way, shown in loihi.items():
        chip = loihi_figures(shown.events, shown.tiles, model, presentation=way)
        modelled += [*chip, *with_host(chip, host.work(shown))]
    published = published_figures(tiles, network.multiply_adds)
    check_parts(figures := (*modelled, *cpu, *others, *published))
    chosen = loihi.get("operating point", loihi["deployed"])
    fed = dict.fromkeys(f.feed for f in cpu)
    return Comparison(
        figures=figures,
        ratios=_ratios(figures, [*cpu, *others], loihi),
        by_accounting=accounting_table(
            {way: shown for way, shown in loihi.items() if way != "start"},
            (
                *(Baseline.of(cpu, family="cpu", feed=f, precision="int8") for f in fed),
                Baseline.of(published, family="gpu"),
            ),
            host=host,
            model=model,
        ),
        sensitivity=sensitivity(chosen, host, fastest=fastest, model=model),
        overtaking=_overtaking(figures, loihi),
        loihi_scores=loihi_scores,
        accuracy=accuracy,
        facts=_facts(loihi["deployed"], model) | {"host": _host_facts(host, loihi, model)},
    )


def _facts(deployed: Presented, model: LoihiModel) -> dict[str, Any]:
    events, tiles = deployed.events, deployed.tiles
    tile = loihi_energy(events, model)
    return {
        "events_per_tile": events.per_presentation(),
        "loihi_parts_mj": {name: mj * tiles for name, mj in tile.parts_mj.items()},
        "event_basis": events.basis,
        "presentations": events.presentations,
        "steps": events.steps,
        "cores": events.cores,
        "chips": events.chips,
        "tiles_per_section": tiles,
        "steps_per_second": tile.steps_per_second,
        "loihi_total_mj_range": [mj * tiles for mj in energy_range(events, model)],
        "synaptic_ops_by_connection": {
            name: operations / events.presentations
            for name, operations in events.synaptic_ops_by_connection.items()
        },
    }


def _host_facts(
    host: Host, loihi: Mapping[Presentation, Presented], model: LoihiModel
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for way, shown in loihi.items():
        parts = host.parts(shown)
        grown = with_neurons(shown.events, host.network.neurons_off_chip)
        more = loihi_energy(grown, model).total_mj - loihi_energy(shown.events, model).total_mj
        found[way] = {
            "total_mj": host.work(shown)[2].mj_per_section,
            **{f"{name}_mj": dynamic + static for name, (dynamic, static, _) in parts.items()},
            **{f"{name}_seconds": seconds for name, (*_, seconds) in parts.items()},
            "spikes_on_chip_mj": shown.tiles * more,
        }
    return found


def _on_loihi(figures: Iterable[EnergyFigure], way: str, **fields: Any) -> EnergyFigure:
    return find(figures, family="loihi", variant="", presentation=way, **fields)


def _suffix(way: str) -> str:
    return "" if way == "deployed" else f"_{way}".replace(" ", "_")


def _ratios(
    figures: Sequence[EnergyFigure],
    conventional: Sequence[EnergyFigure],
    loihi: Mapping[Presentation, Presented],
) -> dict[str, float]:
    """Conventional over Loihi: dynamic over dynamic and total over total, for the same tiles.

    Names end with Loihi's presentation: nothing for deployed, ``_operating_point`` and so on.
    """
    gpu = find(figures, family="gpu", variant=KEYWORD_SPOTTER, component="total")
    ratios: dict[str, float] = {}
    for way, shown in loihi.items():
        dynamic = _on_loihi(figures, way, host=False, component="dynamic").mj_per_section
        total, hosted = (
            _on_loihi(figures, way, host=host, component="total").mj_per_section
            for host in (False, True)
        )
        for f in (figure.cut_into(shown.tiles) for figure in conventional):
            when = "online" if f.batch == 1 else f"batch{f.batch}"
            name = f"{f.device}_{f.precision}_{when}{_suffix(way)}".replace(" ", "_")
            if f.component == "total":
                ratios[name] = f.mj_per_section / total
                ratios[f"{name}_with_host"] = f.mj_per_section / hosted
            elif f.component == "dynamic":
                ratios[f"{name}_dynamic"] = f.mj_per_section / dynamic
        ratios[f"published_gpu_other_network_online{_suffix(way)}"] = (
            gpu.cut_into(shown.tiles).mj_per_section / total
        )
    return ratios


def _overtaking(
    figures: Sequence[EnergyFigure], loihi: Mapping[Presentation, Presented]
) -> dict[str, int | None]:
    """By device and precision, with the suffixes of :func:`_ratios`."""
    conventional = [f for f in figures if f.basis != "published" and f.family != "loihi"]
    return {
        f"{device}_{precision}{_suffix(way)}{'_with_host' * host}".replace(" ", "_"): (
            overtaking_batch(
                [f for f in conventional if (f.device, f.precision) == (device, precision)],
                _on_loihi(figures, way, host=host, component="total"),
            )
        )
        for device, precision in dict.fromkeys((f.device, f.precision) for f in conventional)
        for way in loihi
        if way != "start"
        for host in (False, True)
    }


def overtaking_batch(figures: Iterable[EnergyFigure], loihi: EnergyFigure) -> int | None:
    """Return the smallest batch at which a device needs less than Loihi for the same tiles.

    None if it does at no timed batch. Loihi's energy does not depend on the batch: it processes one
    tile at a time.
    """
    batches = [
        f.batch
        for f in select(figures, component="total")
        if f.cut_into(loihi.tiles).mj_per_section < loihi.mj_per_section
    ]
    return min(batches, default=None)
