"""Part of Q5: the one comparison of energies that headline, range and table speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.headline import Headline, headline
from spikeseg_core.energy.sensitivity import ACCOUNTINGS
from spikeseg_core.report.document import Section, Table
from spikeseg_core.report.evidence import Evidence
from spikeseg_core.report.stated import Name, Printable, Stated, Text, joined, say, stated


@dataclass(frozen=True)
class Comparison:
    """The comparison that headline, range and table speak of, for every seed.

    Attributes
    ----------
    deployed : sequence of Headline
        The network as deployed against the best int8 CPU, online.
    found : sequence of Headline
        The same at Loihi's operating point; as deployed, if there is none.
    by_accounting : mapping of str to (sequence of float)
        Ratio of ``found`` under each pair of static-power accountings.
    swings : sequence of (float, float)
        Least and greatest ratio of ``found`` over the range of each other unknown, first seed.
    busy : bool
        Whether a machine was busy when it was timed, so that no ratio is stated.
    """

    deployed: Sequence[Headline]
    found: Sequence[Headline]
    by_accounting: Mapping[str, Sequence[float]]
    swings: Sequence[tuple[float, float]]
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
    def shorter(self) -> bool:
        """Whether there is an operating point beside the network as deployed."""
        return self.loihi.presentation != "deployed"

    @property
    def accountings(self) -> tuple[Stated | None, Stated | None]:
        """Least and greatest ratio over the accountings."""
        return _ends([median(ratios) for ratios in self.by_accounting.values()])

    @property
    def unknowns(self) -> tuple[Stated | None, Stated | None]:
        """Least and greatest ratio over the other unknowns."""
        return _ends([end for swing in self.swings for end in swing])


FEEDS = {"tiles": "tile by tile", "sections": "whole sections"}
"""How a conventional device is fed, in words."""


def _ends(values: Sequence[float]) -> tuple[Stated | None, Stated | None]:
    low, high = min(values, default=None), max(values, default=None)
    return stated(low, "modelled", "s2"), stated(high, "modelled", "s2")


def comparison(evidence: Evidence) -> Comparison | None:
    """Collect the comparison; None if a device is missing."""
    deployed: list[Headline] = []
    found: list[Headline] = []
    by_accounting: dict[str, list[float]] = {}
    for run in evidence.runs:
        figures = run.energies
        best, own = headline(figures), headline(figures, "deployed")
        if best is None or own is None:
            return None
        found.append(best)
        deployed.append(own)
        sensitivity = run.stages["benchmark"].facts.get("sensitivity", {})
        for pair, ratio in sensitivity.get("by_idle", {}).items():
            by_accounting.setdefault(str(pair), []).append(float(ratio))
    ranges = [
        (float(swing["low"]), float(swing["high"]))
        for swing in evidence.swings
        if swing["unknown"] not in ACCOUNTINGS
    ]
    return Comparison(deployed, found, by_accounting, ranges, evidence.busy)


def how_far(evidence: Evidence, compared: Comparison | None) -> Text:
    """Say how far the two are apart in accuracy and energy."""
    accuracy = say(
        "How far apart they are: spikes instead of rates change V_Rand by {v_rand} and pixel "
        "accuracy by {pixels}",
        v_rand=evidence.change("snn_rate", "snn_spiking", "test/v_rand"),
        pixels=evidence.change("snn_rate", "snn_spiking", "test/pixel_accuracy"),
    )
    if compared is None:
        return say("{accuracy}; how far in energy is not recorded", accuracy=accuracy)
    if compared.busy:
        return say(
            "{accuracy}; how far in energy is not known, because the machine was busy when its CPU "
            "was timed",
            accuracy=accuracy,
        )
    own = say(
        "{accuracy}. For a section the best int8 CPU ({feed}) takes {ratio} times the energy of "
        "Loihi as deployed, {hosted} times if Loihi is charged for its host",
        accuracy=accuracy,
        feed=FEEDS[compared.deployed[0].cpu.feed],
        **_ratios(compared.deployed),
    )
    if not compared.shorter:
        return own
    cpu = compared.found[0].cpu
    return say(
        "{own}; at the operating point, as good as the CPU on validation, {ratio} and {hosted} "
        "times, with a pixel accuracy of {loihi} on the test sections, where the CPU has {other}",
        own=own,
        loihi=evidence.state("loihi_operating_point_int8", "test/pixel_accuracy"),
        other=evidence.state(cpu.scores, "test/pixel_accuracy"),
        **_ratios(compared.found),
    )


def _ratios(found: Sequence[Headline]) -> dict[str, Printable | None]:
    """State the CPU's total energy over Loihi's, without and with the host's part."""
    return {
        "ratio": stated([one.ratio for one in found], "modelled", "s2"),
        "hosted": stated([one.ratio_with_host for one in found], "modelled", "s2"),
    }


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
        caption=say(
            "Energy of a conventional device over Loihi's, by static-power accounting; a device "
            "that works on tiles gets as many as Loihi in that presentation."
        ),
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
    ways = [compared.deployed, *([compared.found] if compared.shorter else [])]
    ours = [
        say(takes, who=Name(way[0].loihi.label), **told([one.loihi for one in way])) for way in ways
    ]
    cpus = [one.cpu for one in compared.deployed]
    (low, high), (least, most) = compared.accountings, compared.unknowns
    slower = [
        each.loihi.seconds_per_section / each.cpu.seconds_per_section for each in compared.deployed
    ]
    return [
        say(
            "{ours}. The rate-based network with rectified linear units on {theirs}: Loihi as "
            "deployed takes {slower} times as long.",
            slower=stated(slower, "modelled", "s2"),
            ours=joined(ours, "; "),
            theirs=say(takes, who=compared.titles[1], **told(cpus)),
        ),
        say(
            "How sure the ratio of {loihi} is: {low} to {high} under the static-power accountings "
            "compared, and {least} to {most} when one of the other unknowns is set to an end of "
            "its range.",
            loihi=compared.titles[0],
            low=low,
            high=high,
            least=least,
            most=most,
        ),
    ]
