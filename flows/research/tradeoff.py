"""Q2: regularization and architecture, between accuracy and energy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flows.research.accuracy import MORE_SEEDS
from flows.research.content import Cell, Missing, Section, Table
from flows.research.evidence import Evidence, RecordedSweep, draw, median_table
from flows.research.stated import Basis, Code, Link, Name, Stated, Text, say, stated, told
from flows.research.sweeps import sweep_section
from spikeseg_core.figures.research import tradeoff_figure
from tasks.mlflow.reader import RecordedPipeline

QUESTION = "Which regularization and architecture balance accuracy and energy?"
LOIHI_MJ = "energy/loihi_total_mj"
OWN_SWEEPS = ("tune.", "train.", "presentation.")
SWEEPS = ("operating-point", "architecture", "ablation-rate-loss", "ablation-presentation")


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence; pictures are drawn in the folder."""
    sweeps = evidence.sweeps_over(*OWN_SWEEPS)
    tables = [_networks(evidence), _rates(evidence)]
    anytime = evidence.tables("deploy", "anytime")
    if anytime:
        tables.append(_anytime(anytime))
    operating = evidence.table("benchmark", "operating_points")
    if operating is not None:
        tables.append(_operating_points(operating))
    points = _points(evidence, anytime, sweeps)
    pictures = [
        draw(
            tradeoff_figure,
            points,
            caption=say(
                "Accuracy against energy: every kind of run that MLflow has of these data, the "
                "presentation time of the reported one, and the points of the sweeps."
            ),
            basis=("measured", "modelled"),
            folder=folder,
            name="tradeoff",
        ),
        *evidence.picture(
            "benchmark",
            "operating_points.png",
            say("Operating points of the reported network, first seed; chosen on validation."),
            "measured",
            "modelled",
        ),
        *evidence.picture(
            "deploy", "rates.png", say("Firing rates of the neurons, layer by layer."), "measured"
        ),
    ]
    found, more_pictures, sweep_runs = sweep_section(sweeps)
    settings = evidence.first.settings["tune"]
    share = evidence.state("loihi", "spikes/share_in_range", form=".1%")
    rate = evidence.state("loihi", "spikes/mean_rate_hz", form=".1f", unit="Hz")
    finding = say(
        "A percentile loss that keeps neurons between {low} and {high} leaves {share} of the "
        "on-chip neurons in that range on the chips at a mean rate of {rate}, and a section costs "
        "{energy} on Loihi",
        low=stated(settings["rate_min_hz"], "set", "g", "Hz"),
        high=stated(settings["rate_max_hz"], "set", "g", "Hz"),
        share=share,
        rate=rate,
        energy=evidence.state("benchmark", LOIHI_MJ, "modelled", ".1f", "mJ"),
    )
    return Section(
        key="Q2",
        question=QUESTION,
        finding=finding,
        answer=[*_cheapest(evidence), *(_chosen_point(evidence) or _shorter(anytime))],
        tables=[*tables, *found],
        pictures=[*pictures, *more_pictures],
        runs=[
            *evidence.behind("tune", "deploy", "benchmark"),
            *(Link(run.run.id, run.run.page) for run in evidence.others),
            *sweep_runs,
        ],
        unknown=[
            say(
                "The table compares whole settings; which single choice made the difference only "
                "the sweeps can tell."
            ),
            say("Settings were chosen on the validation sections; few sections, so close calls."),
        ],
        missing=_missing(evidence, sweeps),
    )


def _missing(evidence: Evidence, sweeps: list[RecordedSweep]) -> list[Missing]:
    found = []
    varied = {name.split(".")[0] + "." for sweep in sweeps for name in sweep.varied}
    if "tune." not in varied:
        found.append(
            Missing(
                say("No ablation of the rate loss is recorded."),
                Code("spikeseg sweep ablation-rate-loss"),
            )
        )
    if not any(sweep.definition.get("search") for sweep in sweeps):
        found.append(
            Missing(
                say("No search for the operating point is recorded."),
                Code("spikeseg sweep operating-point"),
            )
        )
    if not any(name == "train.network" for sweep in sweeps for name in sweep.varied):
        found.append(
            Missing(
                say("No sweep over architectures is recorded."),
                Code("spikeseg sweep architecture"),
            )
        )
    if len(evidence.runs) < 2:
        found.append(
            Missing(
                say("The spread over seeds is not recorded."),
                Code(MORE_SEEDS.format(preset=evidence.preset)),
            )
        )
    return found


def label(run: RecordedPipeline, reported: bool) -> Name:
    """Name a kind of run: its preset, and whether it is the one that the report is about."""
    return Name(f"{run.preset} (this report)" if reported else f"{run.preset} ({run.kind[:6]})")


def _networks(evidence: Evidence) -> Table:
    rows: list[list[Cell]] = []
    for run in [evidence.first, *evidence.others]:
        reported = run is evidence.first
        value = run.metrics
        mapped = {**value.get("quantize", {}), **value.get("partition", {})}
        energy = value.get("benchmark", {}).get(LOIHI_MJ)
        ratio = value.get("benchmark", {}).get("energy/ratio_cpu_int8_online")
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
                evidence.state("benchmark", LOIHI_MJ, "modelled", ".1f")
                if reported
                else stated(energy, "modelled", ".1f"),
                evidence.state("benchmark", "energy/ratio_cpu_int8_online", "modelled", ".2f")
                if reported
                else stated(ratio, "modelled", ".2f"),
            ]
        )
    return Table(
        caption=say(
            "Networks and settings that MLflow has finished runs of, on the same sections. CPU "
            "over Loihi: int8, online, totals; above one Loihi needs less."
        ),
        heading=[
            *("run", "neurons on chip", "cores", "chips", "mean rate, Hz"),
            *("V_Rand, validation", "V_Rand, test", "mJ a section", "CPU over Loihi"),
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
            "Firing rates in the emulated chips, first seed. The regularized percentile is "
            "{percentile}; the wanted range as set.",
            percentile=stated(evidence.first.settings["tune"]["percentile"], "set", "g"),
        ),
        heading=[
            *("layer", "where", "neurons", "mean rate, Hz", "percentile, Hz"),
            *("in range", "dead"),
        ],
        rows=rows,
    )


def _anytime(tables: list[pd.DataFrame]) -> Table:
    table = median_table(tables, "steps")
    rows: list[list[Cell]] = [
        [
            stated(row["steps"], "set", ".0f"),
            *(
                stated(row[f"{split}/{score}"], "measured")
                for split in ("validation", "test")
                for score in ("pixel_accuracy", "v_rand")
            ),
            stated(row["loihi_dynamic_mj"], "modelled", ".1f"),
            stated(row["loihi_total_mj"], "modelled", ".1f"),
        ]
        for _, row in table.iterrows()
    ]
    return Table(
        caption=say("Presentation time: the same network, read out after fewer steps (medians)."),
        heading=[
            *("steps", "pixel accuracy, validation", "V_Rand, validation"),
            *("pixel accuracy, test", "V_Rand, test", "mJ dynamic", "mJ total"),
        ],
        rows=rows,
    )


def _operating_points(table: pd.DataFrame) -> Table:
    """Show the start, the points it led to, and those on the front."""
    # A table from before a mark was there goes without it.
    named = ("start", "chosen", "equal_accuracy", "as_good_as_start", "front")
    marks = [mark for mark in named if mark in table]
    shown = table[table[[*marks]].any(axis=1)]
    rows: list[list[Cell]] = []
    for _, row in shown.sort_values("validation/loihi_total_mj").iterrows():
        notes = [mark.replace("_", " ") for mark in marks if row[mark]]
        rows.append(
            [
                told(str(row["point"]), "set"),
                stated(row["test/mean_steps"], "measured", ".1f"),
                *(
                    stated(row[f"{split}/{score}"], "measured")
                    for split in ("validation", "test")
                    for score in ("pixel_accuracy", "v_rand")
                ),
                stated(row["test/loihi_total_mj"], "modelled", ".1f"),
                ", ".join(notes),
            ]
        )
    return Table(
        caption=say(
            "Operating points: how many tiles are shown and read out for how long, or when they "
            "stop by themselves. First seed; front and choice look at validation only."
        ),
        heading=[
            *("point", "mean steps", "pixel accuracy, validation", "V_Rand, validation"),
            *("pixel accuracy, test", "V_Rand, test", "mJ a section, test", "notes"),
        ],
        rows=rows,
    )


def _chosen_point(evidence: Evidence) -> list[Text]:
    share = evidence.state("benchmark", "operating_point/energy_over_start", "modelled", ".0%")
    if share is None:
        return []

    def test(point: str, name: str, *form: str) -> Stated | None:
        basis: Basis = "modelled" if name.endswith("_mj") else "measured"
        return evidence.state("benchmark", f"{point}/test/{name}", basis, *form)

    texts = [
        say(
            "The operating point chosen on validation, as good there as the int8 CPU that it is "
            "compared with, uses {share} of the starting one's energy on "
            "the test sections: {less} instead of {more}, for {tiles} instead of {all_tiles} tiles "
            "a section and {steps} instead of {all_steps} on average, at a V_Rand of {score} "
            "instead of {full} and a pixel accuracy of {pixels} "
            "instead of {full_pixels}. What is as good on validation as the starting one itself "
            "uses {alike} of its energy, at a V_Rand of {alike_score} on the test sections.",
            share=share,
            less=test("operating_point", "loihi_total_mj", ".1f", "mJ"),
            more=test("start", "loihi_total_mj", ".1f", "mJ"),
            tiles=evidence.state("benchmark", "operating_point/tiles", "set", ".0f"),
            all_tiles=evidence.state("benchmark", "start/tiles", "set", ".0f"),
            steps=test("operating_point", "mean_steps", ".1f", "steps"),
            all_steps=test("start", "mean_steps", ".0f"),
            score=test("operating_point", "v_rand"),
            full=test("start", "v_rand"),
            pixels=test("operating_point", "pixel_accuracy"),
            full_pixels=test("start", "pixel_accuracy"),
            alike=evidence.state(
                "benchmark", "as_good_as_start/energy_over_start", "modelled", ".0%"
            ),
            alike_score=test("as_good_as_start", "v_rand"),
        )
    ]
    equal = evidence.state("benchmark", "equal_accuracy/energy_over_start", "modelled", ".0%")
    if equal is not None:
        texts.append(
            say(
                "Where as good as that CPU in pixel accuracy is enough, whatever V_Rand, {share} "
                "of the starting energy does: {less}, for {tiles} tiles and {steps} on average, at "
                "a pixel accuracy of {pixels} and a V_Rand of {score} on the test sections.",
                share=equal,
                less=test("equal_accuracy", "loihi_total_mj", ".1f", "mJ"),
                tiles=evidence.state("benchmark", "equal_accuracy/tiles", "set", ".0f"),
                steps=test("equal_accuracy", "mean_steps", ".1f", "steps"),
                pixels=test("equal_accuracy", "pixel_accuracy"),
                score=test("equal_accuracy", "v_rand"),
            )
        )
    return texts


def _points(
    evidence: Evidence, anytime: list[pd.DataFrame], sweeps: list[RecordedSweep]
) -> pd.DataFrame:
    rows = [
        {
            "series": "runs",
            "label": run.preset if run in evidence.runs else f"{run.preset} {run.kind[:4]}",
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
                    "series": f"{sweep.definition['title']} ({sweep.definition.get('preset')})",
                    "label": "chosen" if row["chosen"] else "",
                    "energy_mj": row[f"benchmark/{LOIHI_MJ}"],
                    "v_rand": row["loihi/validation/v_rand"],
                }
                for _, row in sweep.points.iterrows()
            ]
    return pd.DataFrame(rows).dropna()


def _cheapest(evidence: Evidence) -> list[Text]:
    if not evidence.others:
        return []
    rows = [run for run in evidence.all_runs if LOIHI_MJ in run.metrics.get("benchmark", {})]
    if not rows:
        return []
    best = max(rows, key=lambda run: run.metrics["loihi"].get("validation/v_rand", 0))
    least = min(rows, key=lambda run: run.metrics["benchmark"][LOIHI_MJ])
    return [
        say(
            "Of the runs compared, {best} has the best V_Rand on validation ({score}), and {least} "
            "needs least energy ({energy} a section, at a V_Rand on validation of {its}).",
            best=label(best, best in evidence.runs),
            score=stated(best.metrics["loihi"].get("validation/v_rand"), "measured"),
            least=label(least, least in evidence.runs),
            energy=stated(least.metrics["benchmark"][LOIHI_MJ], "modelled", ".1f", "mJ"),
            its=stated(least.metrics["loihi"].get("validation/v_rand"), "measured"),
        )
    ]


def _shorter(anytime: list[pd.DataFrame], within: float = 0.005) -> list[Text]:
    if not anytime:
        return []
    table = median_table(anytime, "steps")
    last = table.iloc[-1]
    good = table[table["validation/v_rand"] >= last["validation/v_rand"] - within]
    chosen = good.iloc[0]
    return [
        say(
            "Chosen on validation, the shortest presentation within {within} of the longest one's "
            "V_Rand is {steps}: {less} of its energy, and a test V_Rand of {score} instead of "
            "{full}.",
            within=stated(within, "set", ".3f"),
            steps=stated(chosen["steps"], "measured", ".0f", "steps"),
            less=stated(chosen["loihi_total_mj"] / last["loihi_total_mj"], "modelled", ".0%"),
            score=stated(chosen["test/v_rand"], "measured"),
            full=stated(last["test/v_rand"], "measured"),
        )
    ]
