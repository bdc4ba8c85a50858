"""Part of Q5: the one comparison of energies that headline, range and table speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.headline import Headline, headline
from spikeseg_core.report.document import Section, Table
from spikeseg_core.report.evidence import Evidence
from spikeseg_core.report.stated import Name, Printable, Stated, Text, say, stated


@dataclass(frozen=True)
class Comparison:
    """The one comparison that headline, range and table speak of, for every seed.

    Attributes
    ----------
    found : sequence of Headline
        Loihi's operating point, or the network as deployed, against the best int8 CPU, online.
    by_accounting : mapping of str to (sequence of float)
        Its ratio under each pair of static-power accountings.
    busy : bool
        Whether a machine was busy when it was timed, so that no ratio is stated.
    """

    found: Sequence[Headline]
    by_accounting: Mapping[str, Sequence[float]]
    busy: bool

    @property
    def loihi(self) -> EnergyFigure:
        """Loihi's figure of the first seed."""
        return self.found[0].loihi

    @property
    def titles(self) -> tuple[Name, Name]:
        """What is compared, Loihi and the CPU."""
        return Name(self.loihi.label), Name(f"{self.found[0].cpu.label}, int8, online")

    @property
    def ratio(self) -> Stated | None:
        """The CPU's total energy over Loihi's."""
        return stated([one.ratio for one in self.found], "modelled", "s2")

    @property
    def ends(self) -> tuple[Stated | None, Stated | None]:
        """Least and greatest ratio over the accountings."""
        middle = [median(ratios) for ratios in self.by_accounting.values()]
        low, high = (min(middle, default=None), max(middle, default=None))
        return stated(low, "modelled", "s2"), stated(high, "modelled", "s2")


def comparison(evidence: Evidence) -> Comparison | None:
    """Collect the comparison; None if a device is missing."""
    found: list[Headline] = []
    by_accounting: dict[str, list[float]] = {}
    for run in evidence.runs:
        one = headline(EnergyFigure.from_json(figure) for figure in run.figures)
        if one is None:
            return None
        found.append(one)
        sensitivity = run.stages["benchmark"].facts.get("sensitivity", {})
        for pair, ratio in sensitivity.get("by_idle", {}).items():
            by_accounting.setdefault(str(pair), []).append(float(ratio))
    return Comparison(found, by_accounting, evidence.busy)


def how_far(evidence: Evidence, compared: Comparison | None) -> Text:
    """Say how far the two are apart in accuracy and energy."""
    v_rand = evidence.change("snn_rate", "snn_spiking", "test/v_rand")
    accuracy = say("By {v_rand} in V_Rand, when spikes replace rates", v_rand=v_rand)
    if compared is None:
        return say("{accuracy}; how far in energy is not recorded", accuracy=accuracy)
    if compared.busy:
        return say(
            "{accuracy}; how far in energy is not known, because the machine was busy when its CPU "
            "was timed",
            accuracy=accuracy,
        )
    (low, high), (loihi, cpu) = compared.ends, compared.titles
    return say(
        "{accuracy}, and by {ratio} times in energy: the total of {cpu} over that of {loihi}, "
        "which is {low} to {high} under the static-power accountings compared",
        accuracy=accuracy,
        ratio=compared.ratio,
        cpu=cpu,
        loihi=loihi,
        low=low,
        high=high,
    )


def accounting(compared: Comparison | None) -> list[Table]:
    """Tabulate the ratio of the headline for every accounting."""
    if compared is None or compared.busy or not compared.by_accounting:
        return []
    loihi, cpu = compared.titles
    return [
        Table(
            caption=say(
                "Total energy of {cpu} over that of {loihi}, by static-power accounting: the range "
                "of the headline.",
                cpu=cpu,
                loihi=loihi,
            ),
            heading=["accounting: the CPU's over Loihi's", "ratio"],
            rows=[
                [Name(pair), stated(found, "modelled", "s2")]
                for pair, found in compared.by_accounting.items()
            ],
        )
    ]


def other_comparisons(evidence: Evidence) -> list[Section]:
    """Tabulate the ratio of every presentation to every baseline, folded."""
    tables = [] if evidence.busy else evidence.tables("benchmark", "idle")
    ratios: dict[tuple[str, str, str], list[float]] = {}
    for row in (row for table in tables for row in table.to_dict("records")):
        key = (str(row["loihi"]), str(row["baseline"]), str(row["idle"]))
        ratios.setdefault(key, []).append(float(row["ratio"]))
    if not ratios:
        return []
    table = Table(
        caption=say("Energy of a conventional device over Loihi's, by static-power accounting."),
        heading=["Loihi", "baseline", "accounting: the baseline's over Loihi's", "ratio"],
        rows=[
            [Name(loihi), Name(baseline), Name(pair), stated(found, "modelled", "s2")]
            for (loihi, baseline, pair), found in ratios.items()
        ],
    )
    return [Section("Other presentations and baselines", tables=[table])]


def power(compared: Comparison | None) -> list[Text]:
    """Say what the two devices take in energy, time and power."""
    if compared is None or compared.busy:
        return []
    found, (loihi, cpu) = compared.found, compared.titles

    def told(part: Sequence[EnergyFigure]) -> dict[str, Printable | None]:
        seconds = [one.seconds_per_section for one in part]
        mj = [one.mj_per_section for one in part]
        watts = [energy / 1000 / s for energy, s in zip(mj, seconds, strict=True) if s]
        return {
            "mj": stated(mj, part[0].basis, "s3", "mJ"),
            "ms": stated([1000 * s for s in seconds], part[0].time_basis, "s3", "ms"),
            "w": stated(watts, part[0].basis, "s3", "W"),
        }

    takes = "{who} takes {mj} and {ms} per section, a mean power of {w}"
    ratios = [one.ratio_with_host for one in found]
    return [
        say(
            "{ours}. The rate-based network with rectified linear units on {theirs}.",
            ours=say(takes, who=loihi, **told([one.loihi for one in found])),
            theirs=say(takes, who=cpu, **told([one.cpu for one in found])),
        ),
        say(
            "With the host's part charged to Loihi, the CPU takes {ratio} times Loihi's energy.",
            ratio=stated(ratios, "modelled", "s2"),
        ),
    ]
