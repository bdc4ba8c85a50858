"""Q5: rate-based and spike-based models compared in accuracy and power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikeseg_core.energy.comparison import overtaking_batch
from spikeseg_core.energy.figure import EnergyFigure
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
from spikeseg_core.report.questions.energy_comparison import (
    Comparison,
    accounting,
    comparison,
    how_far,
    other_comparisons,
    power,
)
from spikeseg_core.report.questions.over_folds import ratios
from spikeseg_core.report.records import labelled
from spikeseg_core.report.stated import (
    Basis,
    Name,
    Stated,
    Text,
    joined,
    say,
    stated,
)
from spikeseg_core.report.sweep import recorded_sweeps

QUESTION = "How do rate-based and spike-based models compare in accuracy and power?"
NO_FOLDS = "No energies over all folds are recorded: that accuracy is equal rests on few sections."
STUDY = "sweep energy-claims --preset"


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, with the benchmark's pictures."""
    compared = comparison(evidence)
    answer = [
        say(
            "The rate-based network reaches a pixel accuracy of {rate}, the same network with "
            "spikes {spikes}, and with integers on the emulated chips {chips}.",
            rate=evidence.state("snn_rate", "test/pixel_accuracy"),
            spikes=evidence.state("snn_spiking", "test/pixel_accuracy"),
            chips=evidence.state("loihi", "test/pixel_accuracy"),
        ),
        *power(compared),
        *_batches(evidence.first.energies, compared),
        say(
            "Patel et al. state that their network on Loihi is more than {times} as efficient as "
            "conventional hardware, online, at {bits}; their static-power accounting is not known.",
            times=stated(2, "published", ".0f", "times"),
            bits=stated(8, "published", ".0f", "bits"),
        ),
    ]
    sweeps = evidence.sweeps_over("tune.spiking_epochs", "tune.activation", "tune.noise")
    tables, pictures, sweep_runs = recorded_sweeps(sweeps)
    over_folds, studies = ratios(evidence)
    runs = [*evidence.behind("convert", "deploy", "benchmark"), *studies]
    batches = evidence.bench.get("energy")
    if batches is not None:
        tables.append(_batch_table(batches[1]))
        runs.append(link(batches[0]))
    return Section(
        key="Q5",
        title=QUESTION,
        finding=how_far(evidence, compared),
        answer=answer,
        tables=[
            _accuracy(evidence),
            *_energy(evidence),
            *accounting(compared),
            *over_folds,
            *tables,
        ],
        pictures=[*_pictures(evidence), *pictures],
        details=other_comparisons(evidence),
        runs=[*runs, *sweep_runs],
        unknown=_unknown(evidence),
        missing=[
            *_missing(evidence, bool(sweeps), batches is not None, compared),
            *([] if over_folds else [missing(NO_FOLDS, f"{STUDY} {evidence.preset}")]),
        ],
    )


def _pictures(evidence: Evidence) -> list[Picture]:
    found = evidence.picture(
        "benchmark",
        "energy.png",
        say(
            "Energy per section on every device, first seed, on a logarithmic axis; the marker "
            "shows the basis. Grey figures were published for another, much smaller network."
        ),
        *dict.fromkeys(f["basis"] for f in evidence.first.figures),
    )
    if evidence.busy:
        return found
    caption = say(
        "Range of the ratio at the operating point over each unknown, first seed; as deployed, if "
        "there is no operating point. The accountings of static power are changed on one side "
        "alone here, on both in the table."
    )
    return [*found, *evidence.picture("benchmark", "tornado.png", caption, "modelled")]


def _missing(
    evidence: Evidence, has_sweeps: bool, has_batches: bool, compared: Comparison | None
) -> list[Missing]:
    found = []
    if compared is not None and compared.busy:
        found.append(
            missing(
                "The CPU was timed on a busy machine; time it again when it is idle.", "benchmark"
            )
        )
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
                "No bench of the energy over batch sizes is recorded.",
                f"bench energy --preset {evidence.preset}",
            )
        )
    return found


def _unknown(evidence: Evidence) -> list[Text]:
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
    if evidence.swings and "host" not in evidence.facts:  # of an earlier version
        found.append(
            say(
                "In the host's part an update of a neuron counts as one multiply-add, which is "
                "less than a real loop takes; later versions time the loop."
            )
        )
    if why := evidence.facts.get("why_no_gpu"):
        found.append(
            say(
                "No GPU was measured: {why}. The published GPU ran another, much smaller network, "
                "so its figures are at best a lower bound.",
                why=Name(str(why)),
            )
        )
    if all(f["basis"] != "measured" for f in evidence.first.figures if f["family"] == "cpu"):
        found.append(
            say(
                "The CPU's energy is its measured time multiplied by a stated power: there was no "
                "meter."
            )
        )
    return found


def _accuracy(evidence: Evidence) -> Table:
    tags: dict[str, str] = {
        "snn_rate": "rates, float weights (NengoDL)",
        "snn_spiking": "spikes, float weights (NengoDL)",
        "loihi": "spikes, integers on chips, as deployed",
        "loihi_operating_point_int8": "the same at the operating point",
        "cpu_int8": "ANN on the CPU, tile by tile, int8",
        "cpu_whole_section_int8": "ANN on the CPU, whole sections, int8",
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
        """Name of the device with its precision, and whether its timing was disturbed."""
        disturbed = " (busy)" if self.figure.get("busy") else ""
        return Name(f"{self.figure['label']}, {self.figure['precision']}{disturbed}")

    @property
    def basis(self) -> Basis:
        """Basis of the energies."""
        basis: Basis = self.figure["basis"]
        return basis

    def energy(self, component: str, unit: str = "") -> Stated | None:
        """State the energy per section."""
        return stated(self.energies.get(component), self.basis, "s3", unit)

    def time(self, unit: str = "") -> Stated | None:
        """State the time per section, which may be measured even if the energy is modelled."""
        return stated([1000 * s for s in self.seconds], self.figure["time_basis"], "s3", unit)

    def power(self, unit: str = "") -> Stated | None:
        """State the mean power."""
        pairs = zip(self.energies.get("total", []), self.seconds, strict=True)
        return stated([mj / 1000 / s for mj, s in pairs if s], self.basis, "s3", unit)


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


def _energy(evidence: Evidence) -> list[Table]:
    """Tabulate our figures, and apart from them the published ones of another network."""
    lines = _lines_of(evidence)
    captions = (
        (
            False,
            say(
                "Energy, time and mean power per section, for all of its tiles. The CPU works tile "
                "by tile, unless whole sections are said."
            ),
        ),
        (
            True,
            say(
                "Published energies of another, much smaller network, with one inference per tile "
                "of the section."
            ),
        ),
    )
    found = []
    for published, caption in captions:
        rows: list[list[Cell]] = [
            [
                line.name,
                stated(line.figure["batch"], "set", ".0f"),
                *(line.energy(part) for part in ("dynamic", "static", "total")),
                line.time(),
                line.power(),
            ]
            for line in lines
            if (line.basis == "published") == published
        ]
        heading = ["device", "batch", "mJ dynamic", "mJ static", "mJ total", "ms", "W"]
        found.append(Table(heading, rows, caption))
    return [table for table in found if table.rows]


def _batches(figures: Sequence[EnergyFigure], compared: Comparison | None) -> list[Text]:
    """Say from which batch size on conventional devices need less than Loihi as deployed."""
    if compared is None or compared.busy:
        return []
    deployed = compared.deployed[0]
    found = [_overtaken("Loihi's chips as deployed", deployed.loihi, figures)]
    if deployed.with_host is not None:
        who = "Loihi as deployed with the host's part"
        found.append(_overtaken(who, deployed.with_host, figures))
    return found


def _overtaken(who: str, loihi: EnergyFigure, figures: Sequence[EnergyFigure]) -> Text:
    ours = [one for one in figures if one.basis != "published" and one.family != "loihi"]
    devices: dict[str, list[EnergyFigure]] = {}
    for one in ours:
        devices.setdefault(f"{one.label}, {one.precision}", []).append(one)
    batches = {name: overtaking_batch(group, loihi) for name, group in devices.items()}
    sooner = [
        say("{device} from {batch}", device=Name(name), batch=stated(batch, "modelled", ".0f"))
        for name, batch in batches.items()
        if batch is not None
    ]
    if not sooner:
        return say(
            "At no batch size timed in this run does a conventional device need less total energy "
            "than {who}.",
            who=who,
        )
    return say(
        "From these batch sizes on, of those timed in this run, a conventional device needs less "
        "total energy than {who}: {which}.",
        who=who,
        which=joined(sooner, "; "),
    )


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
