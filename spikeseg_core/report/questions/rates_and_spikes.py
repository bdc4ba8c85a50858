"""Q5: rate-based and spike-based models compared in accuracy and power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from spikeseg_core.report.document import (
    SCORE_TITLES,
    Cell,
    Missing,
    Picture,
    Section,
    Table,
    missing,
)
from spikeseg_core.report.evidence import Evidence, link
from spikeseg_core.report.records import labelled
from spikeseg_core.report.stated import Basis, Name, Stated, Text, joined, say, stated, told
from spikeseg_core.report.sweep import recorded_sweeps

QUESTION = "How do rate-based and spike-based models compare in accuracy and power?"


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, with the benchmark's pictures."""
    facts = evidence.facts
    by_accounting = _by_accounting(evidence)
    ratio = evidence.state("benchmark", "energy/ratio_cpu_int8_online", "modelled", ".2f")
    finding = say(
        "With spikes instead of rates the network's V_Rand changes by {v_rand}; online, the total "
        "energy of the int8 CPU is {ratio} times Loihi's, and between {low} and {high} times under "
        "the static-power accountings compared",
        v_rand=evidence.change("snn_rate", "snn_spiking", "test/v_rand"),
        ratio=ratio,
        low=stated(min(by_accounting.values(), default=None), "modelled", ".2f"),
        high=stated(max(by_accounting.values(), default=None), "modelled", ".2f"),
    )
    answer = [
        say(
            "The rate-based network reaches a pixel accuracy of {rate}, the same network with "
            "spikes {spikes}, and with integers on the emulated chips {chips}.",
            rate=evidence.state("snn_rate", "test/pixel_accuracy"),
            spikes=evidence.state("snn_spiking", "test/pixel_accuracy"),
            chips=evidence.state("loihi", "test/pixel_accuracy"),
        ),
        *_power(evidence),
        *_at_the_operating_point(evidence),
        *_batches(facts),
        say(
            "The paper states more than {times} for its own network, online, at {bits}; its "
            "static-power accounting is not known.",
            times=stated(2, "published", ".0f", "times"),
            bits=stated(8, "published", ".0f", "bits"),
        ),
    ]
    sweeps = evidence.sweeps_over("tune.spiking_epochs", "tune.activation", "tune.noise")
    tables, pictures, sweep_runs = recorded_sweeps(sweeps)
    runs = evidence.behind("convert", "deploy", "benchmark")
    batches = evidence.bench.get("energy")
    if batches is not None:
        tables.append(_batch_table(batches[1]))
        runs.append(link(batches[0]))
    return Section(
        key="Q5",
        title=QUESTION,
        finding=finding,
        answer=answer,
        tables=[
            _accuracy(evidence),
            _energy(evidence),
            _accounting(evidence, by_accounting),
            *tables,
        ],
        pictures=[*_pictures(evidence), *pictures],
        runs=[*runs, *sweep_runs],
        unknown=_unknown(facts, evidence.first.figures),
        missing=_missing(evidence, bool(sweeps), batches is not None),
    )


def _pictures(evidence: Evidence) -> list[Picture]:
    return [
        *evidence.picture(
            "benchmark",
            "energy.png",
            say("Energy per section on every device, first seed; hatching shows the basis."),
            *dict.fromkeys(f["basis"] for f in evidence.first.figures),
        ),
        *evidence.picture(
            "benchmark",
            "tornado.png",
            say("Range of the ratio over each unknown, first seed."),
            "modelled",
        ),
    ]


def _missing(evidence: Evidence, has_sweeps: bool, has_batches: bool) -> list[Missing]:
    found = []
    if not has_sweeps:
        found.append(
            missing(
                "No comparison of networks tuned by rates alone with networks tuned with spikes "
                "is recorded.",
                "sweep ablation-activation",
            )
        )
    if not has_batches:
        found.append(
            missing(
                "The energy of larger batches is not recorded.",
                f"bench energy --preset {evidence.preset}",
            )
        )
    return found


def _unknown(facts: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> list[Text]:
    found = [
        say(
            "Loihi's energy is modelled from counted events; no chip was metered. Its static "
            "power is that of whole chips with their embedded processors."
        ),
        say(
            "The ratio depends on the static-power accounting: quote the two together. The host's "
            "part, the first layer and the read-out, is included only in the lines that say so."
        ),
    ]
    if why := facts.get("why_no_gpu"):
        found.append(
            say(
                "No GPU was measured: {why}. The published GPU ran another, much smaller network, "
                "so its figures are at most a lower bound.",
                why=Name(str(why)),
            )
        )
    if all(f["basis"] != "measured" for f in figures if f["family"] == "cpu"):
        found.append(
            say(
                "The CPU's energy is its measured time multiplied by a stated power: there was no "
                "meter."
            )
        )
    return found


def _by_accounting(evidence: Evidence) -> dict[str, float]:
    """Median ratio over the seeds for each static-power accounting."""
    found: dict[str, list[float]] = {}
    for run in evidence.runs:
        sensitivity = run.stages["benchmark"].facts.get("sensitivity", {})
        for pair, ratio in sensitivity.get("by_idle", {}).items():
            if isinstance(ratio, int | float):
                found.setdefault(str(pair), []).append(float(ratio))
    return {pair: float(median(values)) for pair, values in found.items()}


def _accuracy(evidence: Evidence) -> Table:
    tags = {
        "snn_rate": "rates, float weights",
        "snn_spiking": "spikes, float weights",
        "loihi": "spikes, integers on chips",
        "cpu_int8": "ANN, int8, on the CPU",
    }
    rows: list[list[Cell]] = [
        [
            title,
            *(evidence.state(tag, f"test/{score}") for score in SCORE_TITLES),
            evidence.state(tag, "spikes/mean_rate_hz", form=".1f"),
        ]
        for tag, title in tags.items()
        if evidence.values(tag, "test/v_rand")
    ]
    return Table(
        caption=say("The same network with rates and with spikes, test sections."),
        heading=["model", *SCORE_TITLES.values(), "mean rate, Hz"],
        rows=rows,
    )


@dataclass
class _Line:
    """Figures of one device, precision and batch for all seeds."""

    figure: Mapping[str, Any]
    energies: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def name(self) -> Name:
        """Name of the device with its precision."""
        return Name(f"{self.figure['label']}, {self.figure['precision']}")

    @property
    def basis(self) -> Basis:
        """Basis of the energies."""
        basis: Basis = self.figure["basis"]
        return basis

    def energy(self, component: str, unit: str = "") -> Stated | None:
        """State the energy per section."""
        return stated(self.energies.get(component), self.basis, ".1f", unit)

    def time(self, unit: str = "") -> Stated | None:
        """State the time per section, which may be measured even if the energy is modelled."""
        return stated([1000 * s for s in self.seconds], self.figure["time_basis"], ".1f", unit)

    def power(self, unit: str = "") -> Stated | None:
        """State the mean power."""
        pairs = zip(self.energies.get("total", []), self.seconds, strict=True)
        return stated([mj / 1000 / s for mj, s in pairs if s], self.basis, ".2f", unit)


def _lines(all_figures: Iterable[Sequence[Mapping[str, Any]]]) -> list[_Line]:
    """Collect the figures of all seeds by device, precision and batch."""
    found: dict[tuple[str, str, int], _Line] = {}
    for one in (figure for figures in all_figures for figure in figures):
        line = found.setdefault((one["label"], one["precision"], one["batch"]), _Line(one))
        line.energies.setdefault(one["component"], []).append(one["mj_per_section"])
        if one["component"] == "total":
            line.seconds.append(one["seconds_per_section"])
    return list(found.values())


def _lines_of(evidence: Evidence) -> list[_Line]:
    return _lines(run.figures for run in evidence.runs)


def _energy(evidence: Evidence) -> Table:
    rows: list[list[Cell]] = [
        [
            line.name,
            stated(line.figure["batch"], "set", ".0f"),
            *(line.energy(part) for part in ("dynamic", "static", "total")),
            line.time(),
            line.power(),
        ]
        for line in _lines_of(evidence)
    ]
    return Table(
        caption=say(
            "Energy, time and mean power per section, for all of its tiles. The published figures "
            "are of another, much smaller network, with one inference per tile of the "
            "section."
        ),
        heading=["device", "batch", "mJ dynamic", "mJ static", "mJ total", "ms", "W"],
        rows=rows,
    )


def _accounting(evidence: Evidence, by_accounting: Mapping[str, float]) -> Table:
    """Tabulate the ratio for every accounting, and for every baseline if recorded."""
    ratios: dict[tuple[str, str, str], list[float]] = {
        ("Loihi", "CPU, int8, online", pair): [ratio] for pair, ratio in by_accounting.items()
    }
    tables = evidence.tables("benchmark", "idle")
    if tables:
        ratios = {}
    for row in (row for table in tables for row in table.to_dict("records")):
        key = (str(row["loihi"]), str(row["baseline"]), str(row["idle"]))
        ratios.setdefault(key, []).append(float(row["ratio"]))
    return Table(
        caption=say("Energy of a conventional device over Loihi's, by static-power accounting."),
        heading=["Loihi", "baseline", "accounting: the baseline's over Loihi's", "ratio"],
        rows=[
            [Name(loihi), Name(baseline), told(pair, "set"), stated(found, "modelled", ".2f")]
            for (loihi, baseline, pair), found in ratios.items()
        ],
    )


def _online(lines: Iterable[_Line], family: str) -> _Line | None:
    """Return the line of a family of devices, online with int8 weights, as deployed."""
    wanted = {
        "family": family,
        "variant": "",
        "presentation": "deployed" if family == "loihi" else None,
        "feed": "tiles",
        "host": False,
        "precision": "int8",
        "batch": 1,
    }
    return next(
        (x for x in lines if all(x.figure[name] == value for name, value in wanted.items())), None
    )


def _power(evidence: Evidence) -> list[Text]:
    lines = _lines_of(evidence)
    loihi, cpu = _online(lines, "loihi"), _online(lines, "cpu")
    if loihi is None or cpu is None:
        return []
    return [
        say(
            "Online, spikes on Loihi take {loihi} and {loihi_ms} per section, a mean power of "
            "{loihi_w}; the rate-based network (int8, rectified linear units) takes {cpu} and "
            "{cpu_ms} on the CPU, {cpu_w}.",
            loihi=loihi.energy("total", "mJ"),
            loihi_ms=loihi.time("ms"),
            loihi_w=loihi.power("W"),
            cpu=cpu.energy("total", "mJ"),
            cpu_ms=cpu.time("ms"),
            cpu_w=cpu.power("W"),
        )
    ]


def _at_the_operating_point(evidence: Evidence) -> list[Text]:
    name = "energy/ratio_cpu_int8_online_operating_point"
    ratio = evidence.state("benchmark", name, "modelled", ".2f")
    if ratio is None:
        return []
    return [
        say(
            "At the operating point chosen on validation, the int8 CPU takes {ratio} times Loihi's "
            "total energy online; with the host's part charged to Loihi, {hosted} times.",
            ratio=ratio,
            hosted=evidence.state("benchmark", f"{name}_with_host", "modelled", ".2f"),
        )
    ]


def _batches(facts: Mapping[str, Any]) -> list[Text]:
    overtaking = {k: v for k, v in facts.get("overtaking_batch", {}).items() if v is not None}
    if not facts.get("overtaking_batch"):
        return []
    if not overtaking:
        return [
            say(
                "At no timed batch size does a conventional device need less total energy than "
                "Loihi."
            )
        ]
    return [
        say(
            "From these batch sizes on, a conventional device needs less total energy than Loihi: "
            "{which}.",
            which=joined(
                [
                    say(
                        "{device} from {batch}",
                        device=Name(device.replace("_", " ")),
                        batch=stated(batch, "modelled", ".0f"),
                    )
                    for device, batch in overtaking.items()
                ]
            ),
        )
    ]


def _batch_table(result: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [
            line.name,
            stated(line.figure["batch"], "set", ".0f"),
            line.energy("dynamic"),
            line.energy("total"),
        ]
        for line in _lines([labelled(result.get("figures", []))])
        if line.basis != "published"  # of another network
    ]
    return Table(
        caption=say("Energy per section by batch size, from the recorded energy benchmark."),
        heading=["device", "batch", "mJ dynamic", "mJ total"],
        rows=rows,
    )
