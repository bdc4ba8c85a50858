"""Q2: how regularization and architecture affect accuracy and energy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikeseg_core.figures.research import tradeoff_figure
from spikeseg_core.report.document import Cell, Missing, Section, Table, missing
from spikeseg_core.report.evidence import Evidence, draw, link, median_table
from spikeseg_core.report.questions.accuracy import more_seeds
from spikeseg_core.report.questions.operating_point import (
    chosen_point,
    front,
    presentation_tables,
    shorter,
)
from spikeseg_core.report.questions.over_folds import saved
from spikeseg_core.report.records import RecordedPipeline, RecordedSweep
from spikeseg_core.report.stated import Name, Text, say, stated
from spikeseg_core.report.sweep import recorded_sweeps
from spikeseg_core.sweep.definition import Goal
from spikeseg_core.sweep.pareto import pareto_front

QUESTION = "Which regularization and architecture balance accuracy and energy?"
LOIHI_MJ = "energy/loihi_total_mj"
RATIO = "energy/ratio_cpu_int8_online"
OWN_SWEEPS = ("tune.", "train.", "presentation.")
GOALS = (Goal(metric="energy_mj", goal="minimize"), Goal(metric="v_rand"))


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, drawing pictures in the folder."""
    sweeps = evidence.sweeps_over(*OWN_SWEEPS)
    anytime = evidence.tables("benchmark", "anytime")
    tables = [_networks(evidence), _rates(evidence), *presentation_tables(evidence, anytime)]
    points = _points(evidence, anytime, sweeps)
    pictures = [
        draw(
            tradeoff_figure,
            points,
            caption=say(
                "Accuracy against energy: every recorded kind of run on these data as deployed, "
                "the reported network at several presentation times, and the points of sweeps, if "
                "any are recorded."
            ),
            basis=("measured", "modelled"),
            folder=folder,
            name="tradeoff",
            narrow=True,
        ),
        *evidence.picture(
            "benchmark",
            "operating_points.png",
            say(
                "V_Rand against energy of every way of presenting the tiles, on validation, where "
                "points were chosen, and on test, first seed."
            ),
            "measured",
            "modelled",
        ),
        *evidence.picture(
            "deploy",
            "rates.png",
            say(
                "How many neurons of each layer fire how fast on the chips, first seed: the "
                "percentile of each neuron's rate over tiles, to which the shaded range applies."
            ),
            "measured",
        ),
    ]
    found, more_pictures, sweep_runs = recorded_sweeps(sweeps)
    levers, studies = saved(evidence)
    settings = evidence.first.settings["tune"]
    rates = say(
        "With the percentile loss, which keeps each neuron's highest rates between {low} and "
        "{high}, those of {share} of the on-chip neurons are in that range on the chips, and all "
        "fire at {rate} on average.",
        low=stated(settings["rate_min_hz"], "set", "g", "Hz"),
        high=stated(settings["rate_max_hz"], "set", "g", "Hz"),
        share=evidence.state("loihi", "spikes/share_in_range", form=".1%"),
        rate=evidence.state("loihi", "spikes/mean_rate_hz", form=".1f", unit="Hz"),
    )
    return Section(
        key="Q2",
        title=QUESTION,
        finding=_finding(evidence),
        answer=[rates, *(chosen_point(evidence) or shorter(anytime))],
        tables=[*tables, *levers, *found],
        pictures=[*pictures, *more_pictures],
        details=front(evidence),
        runs=[
            *evidence.behind("tune", "deploy", "benchmark"),
            *(link(run.run) for run in evidence.others),
            *studies,
            *sweep_runs,
        ],
        unknown=[
            say(
                "The table compares complete settings; only the sweeps can tell which choice made "
                "the difference."
            ),
            say(
                "Settings were chosen on the validation sections; there are few of them, so close "
                "choices are uncertain."
            ),
        ],
        missing=_missing(evidence, sweeps),
    )


def _finding(evidence: Evidence) -> Text:
    """Say which of the recorded networks and settings is the better one, if one is."""
    runs = [run for run in evidence.all_runs if LOIHI_MJ in run.metrics.get("benchmark", {})]
    if not runs:
        return say("How far they balance is not known: no energy is recorded")
    best = max(runs, key=lambda run: run.metrics["loihi"].get("validation/v_rand", 0))
    least = min(runs, key=lambda run: run.metrics["benchmark"][LOIHI_MJ])

    def has(run: RecordedPipeline) -> Text:
        return say(
            "a V_Rand of {score} on validation for {energy} per section as deployed",
            score=stated(run.metrics["loihi"].get("validation/v_rand"), "measured"),
            energy=stated(run.metrics["benchmark"][LOIHI_MJ], "modelled", "s3", "mJ"),
        )

    if not evidence.others:
        return say(
            "No choice can be compared yet: one set of networks and settings is recorded, {name}, "
            "with {has}",
            name=Name(best.preset),
            has=has(best),
        )
    names = {run.run.id: label(run, run in evidence.runs) for run in (best, least)}
    if best is least:
        return say(
            "Yes, of the recorded networks {name} is both the most accurate and the most "
            "economical, with {has}",
            name=names[best.run.id],
            has=has(best),
        )
    return say(
        "No recorded network is best in both: {best} is the most accurate, with {has}, and "
        "{least} the most economical, with {its}",
        best=names[best.run.id],
        has=has(best),
        least=names[least.run.id],
        its=has(least),
    )


def _missing(evidence: Evidence, sweeps: list[RecordedSweep]) -> list[Missing]:
    varied = {name for sweep in sweeps for name in sweep.varied}
    found = []
    if not any(name.startswith("tune.") for name in varied):
        found.append(
            missing("No ablation of the rate loss is recorded.", "sweep ablation-rate-loss")
        )
    searched = {
        name
        for sweep in sweeps
        for name in (sweep.definition.get("search") or {}).get("ranges", {})
    }
    if not any(name.startswith(("tune.", "presentation.")) for name in searched):
        found.append(
            missing(
                "No search over settings of tuning and presentation together is recorded.",
                "sweep operating-point",
            )
        )
    if not any(name.startswith("train.network") for name in varied):
        found.append(missing("No sweep over architectures is recorded.", "sweep architecture"))
    if len(evidence.runs) < 2:
        found.append(missing("The spread over seeds is not recorded.", more_seeds(evidence.preset)))
    return found


def label(run: RecordedPipeline, reported: bool) -> Name:
    """Name a kind of run by its preset, marking the reported one."""
    return Name(f"{run.preset} (this report)" if reported else f"{run.preset} ({run.kind[:6]})")


def _networks(evidence: Evidence) -> Table:
    rows: list[list[Cell]] = []
    for run in [evidence.first, *evidence.others]:
        reported = run is evidence.first
        value = run.metrics
        mapped = {**value.get("quantize", {}), **value.get("partition", {})}
        energy = value.get("benchmark", {}).get(LOIHI_MJ)
        ratio = None if run.busy else value.get("benchmark", {}).get(RATIO)
        rates = value.get("loihi", {})
        rows.append(
            [
                label(run, reported),
                stated(
                    value.get("quantize", {}).get("mapping/neurons_on_chip"), "measured", ",.0f"
                ),
                stated(mapped.get("mapping/cores"), "measured", ",.0f"),
                stated(mapped.get("mapping/chips"), "measured", ",.0f"),
                stated(rates.get("spikes/mean_rate_hz"), "measured", ".1f"),
                *(
                    [evidence.state("loihi", f"{split}/v_rand") for split in ("validation", "test")]
                    if reported
                    else [
                        stated(rates.get(f"{split}/v_rand"), "measured")
                        for split in ("validation", "test")
                    ]
                ),
                evidence.state("benchmark", LOIHI_MJ, "modelled", "s3")
                if reported
                else stated(energy, "modelled", "s3"),
                evidence.state("benchmark", RATIO, "modelled", "s2")
                if reported and not evidence.busy
                else stated(ratio, "modelled", "s2"),
            ]
        )
    return Table(
        caption=say(
            "Networks and settings with finished runs on the same sections. Energy and ratio "
            "are of the network as deployed. The CPU's over Loihi's are total energies, int8, "
            "online; above one, Loihi needs less; none if the machine was busy."
        ),
        heading=[
            *("run", "neurons on chip", "cores", "chips", "mean rate, Hz"),
            *(
                "V_Rand, validation",
                "V_Rand, test",
                "mJ per section",
                "CPU, tile by tile, over Loihi",
            ),
        ],
        rows=rows,
    )


def _rates(evidence: Evidence) -> Table:
    tables = evidence.tables("deploy", "rates")
    rows: list[list[Cell]] = []
    if tables:
        table = tables[0]
        for _, row in table.iterrows():
            rows.append(
                [
                    Name(str(row["layer"])),
                    "chip" if row["on_chip"] else "host",
                    stated(row["neurons"], "measured", ",.0f"),
                    stated(row["mean_rate_hz"], "measured", ".1f"),
                    stated(row["percentile_rate_hz"], "measured", ".0f"),
                    stated(row["share_in_range"], "measured", ".1%"),
                    stated(row["dead"], "measured", ".2%"),
                ]
            )
    return Table(
        caption=say(
            "Spike rates on the emulated chips, first seed. The regularized percentile is "
            "{percentile}, of which the median over neurons is shown; the range is the target "
            "range.",
            percentile=stated(evidence.first.settings["tune"]["percentile"], "set", "g"),
        ),
        heading=[
            *("layer", "where", "neurons", "mean rate, Hz", "percentile, Hz"),
            *("in range", "dead"),
        ],
        rows=rows,
    )


def _points(
    evidence: Evidence, anytime: list[pd.DataFrame], sweeps: list[RecordedSweep]
) -> pd.DataFrame:
    rows = [
        {
            "series": "runs",
            "label": run.preset if run in evidence.runs else label(run, reported=False).text,
            "energy_mj": run.metrics.get("benchmark", {}).get(LOIHI_MJ),
            "v_rand": run.metrics.get("loihi", {}).get("validation/v_rand"),
        }
        for run in evidence.all_runs
    ]
    if anytime:
        rows += [
            {
                "series": f"presentation time of {evidence.preset}, steps",
                "label": f"{row['steps']:.0f}",
                "energy_mj": row["loihi_total_mj"],
                "v_rand": row["validation/v_rand"],
            }
            for _, row in median_table(anytime, "steps").iterrows()
        ]
    wanted = {f"benchmark/{LOIHI_MJ}", "loihi/validation/v_rand"}
    for sweep in sweeps:
        if wanted <= set(sweep.points.columns):
            rows += [
                {
                    "series": sweep.title,
                    "label": "chosen" if row["chosen"] else "",
                    "energy_mj": row[f"benchmark/{LOIHI_MJ}"],
                    "v_rand": row["loihi/validation/v_rand"],
                }
                for _, row in sweep.points.iterrows()
            ]
    points = pd.DataFrame(rows).dropna()
    return points.assign(front=pareto_front(points[["energy_mj", "v_rand"]].to_numpy(), GOALS))
