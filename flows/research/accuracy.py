"""Q1: what accuracy is lost on the way from the ANN to the chips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flows.report import STAGE_TITLES
from flows.research.content import Missing, Section, Table
from flows.research.evidence import Evidence, draw
from flows.research.stated import Code, Name, Printable, Stated, Text, joined, say, stated
from spikeseg_core.config import ToleranceConfig
from spikeseg_core.evaluation.accounting import SCORES, START, STEPS, loss_table
from spikeseg_core.figures.waterfall import waterfall_figure

QUESTION = "Can a segmentation network be converted to spikes without a large loss of accuracy?"

TITLES = {
    **STAGE_TITLES,
    "ann_loihi_curve": "ANN, Loihi's rate curve",
    "cpu_int8": "ANN on the CPU, int8",
    "cpu_fp32": "ANN on the CPU, fp32",
}
SCORE_TITLES = {
    "pixel_accuracy": "pixel accuracy",
    "membrane_iou": "membrane IoU",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
}
MORE_SEEDS = "spikeseg report --preset {preset} --seeds 0,1,2"

PUBLISHED_ANN, PUBLISHED_SNN = 94.98, 92.13
"""Known from secondary sources only, metric unnamed: per cent."""


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence; pictures are drawn in the folder."""
    preset = evidence.preset
    losses = {score: evidence.change("ann", "loihi", f"test/{score}") for score in SCORES}
    finding = say(
        "From the ANN to the integer network on the emulated chips, V_Rand moves by {v_rand}, "
        "V_Info by {v_info}, pixel accuracy by {pixels} and membrane IoU by {iou} on the test "
        "sections: {verdict}",
        v_rand=losses["v_rand"],
        v_info=losses["v_info"],
        pixels=losses["pixel_accuracy"],
        iou=losses["membrane_iou"],
        verdict=_verdict(losses),
    )
    answer = [
        say(
            "The ANN scores a V_Rand of {before}, its integer network on the chips {after}; the "
            "same network, neuron for neuron.",
            before=evidence.state("ann", "test/v_rand"),
            after=evidence.state("loihi", "test/v_rand"),
        ),
        _within(losses),
        *_worst(evidence),
        say(
            "For comparison, a review of the paper names {ann} for its ANN and {snn} for its "
            "spiking network, without saying of which metric: a loss of {loss}.",
            ann=stated(PUBLISHED_ANN, "published", ".2f", "%"),
            snn=stated(PUBLISHED_SNN, "published", ".2f", "%"),
            loss=stated(PUBLISHED_ANN - PUBLISHED_SNN, "published", ".2f", "points"),
        ),
    ]
    pictures = []
    steps = loss_table(evidence.first.metrics)
    if len(steps):
        begin = {score: evidence.first.metrics["ann"][f"test/{score}"] for score in SCORES}
        pictures.append(
            draw(
                waterfall_figure,
                steps,
                begin,
                caption=say(
                    "What each step from the ANN to the chips changes on the test sections; the "
                    "bars add up. The first seed."
                ),
                basis=("measured",),
                folder=folder,
                name="waterfall",
                wide=True,
            )
        )
    pictures += evidence.picture(
        "deploy",
        "sections_loihi.png",
        say("A test section as the integer network on the emulated chips segments it."),
        "measured",
        wide=True,
    )
    return Section(
        key="Q1",
        question=QUESTION,
        finding=finding,
        answer=answer,
        tables=[_scores(evidence), _steps(evidence)],
        pictures=pictures,
        runs=evidence.behind("train", "tune", "convert", "deploy"),
        unknown=[
            say("Nothing here ran on silicon: the chips are emulated, spike by spike."),
            say(
                "V_Rand takes the best threshold of the sections it is scored on, as the "
                "challenge does; with the threshold chosen on validation it is {chosen}.",
                chosen=evidence.state("loihi", "test/v_rand_at_validation_threshold"),
            ),
            say(
                "The authors' exact data changes, input size and layers are not known, so their "
                "figures and these are not of the same task."
            ),
        ],
        missing=[
            Missing(
                say("One seed says nothing of the spread between trainings; three would."),
                Code(MORE_SEEDS.format(preset=preset)),
            )
        ]
        if len(evidence.runs) < 2
        else [],
    )


def _scores(evidence: Evidence) -> Table:
    on_cpu = sorted({tag for run in evidence.runs for tag in run.metrics if tag.startswith("cpu_")})
    tags = [START, *(tag for _, tag in STEPS), *on_cpu]
    rows: list[list[Printable | str | None]] = [
        [
            TITLES.get(tag, tag.replace("_", " ")),
            *(evidence.state(tag, f"test/{score}") for score in SCORES),
            evidence.state(tag, "test/v_rand_at_validation_threshold"),
            evidence.state(tag, "spikes/mean_rate_hz", form=".1f"),
        ]
        for tag in tags
        if evidence.values(tag, "test/v_rand")
    ]
    return Table(
        caption=say("Scores on the test sections, whole sections."),
        heading=[
            "network",
            *SCORE_TITLES.values(),
            "V_Rand, threshold from validation",
            "mean rate on chip, Hz",
        ],
        rows=rows,
    )


def _steps(evidence: Evidence) -> Table:
    tables = [loss_table(run.metrics) for run in evidence.runs]
    names = list(tables[0]["step"])
    rows: list[list[Printable | str | None]] = []
    for name in names:
        changes = [table[table["step"] == name] for table in tables]
        rows.append(
            [
                name,
                *(
                    stated([float(c[s].iloc[0]) for c in changes if len(c)], "measured", "+.4f")
                    for s in SCORES
                ),
            ]
        )
    totals = [stated([float(t[s].sum()) for t in tables], "measured", "+.4f") for s in SCORES]
    rows.append(["all together", *totals])
    return Table(
        caption=say(
            "What each step changes, test sections. Of several seeds the median: medians of steps "
            "need not add up, each seed's steps do."
        ),
        heading=["step", *SCORE_TITLES.values()],
        rows=rows,
    )


def _verdict(losses: Mapping[str, Stated | None]) -> str:
    """Say whether the losses stay within what the project tolerates."""
    if not all(losses.values()):
        return "not all of it is recorded"
    beyond = [SCORE_TITLES[score] for score, _, _ in _beyond(losses)]
    return f"more than tolerated in {' and '.join(beyond)}" if beyond else "all within tolerance"


def _beyond(losses: Mapping[str, Stated | None]) -> list[tuple[str, float, float]]:
    """Scores that lose more than is tolerated: score, loss, tolerance."""
    tolerated = ToleranceConfig().model_dump()
    return [
        (score, -change.value, tolerated[score])
        for score, change in losses.items()
        if change is not None and -change.value > tolerated[score]
    ]


def _within(losses: Mapping[str, Stated | None]) -> Text:
    """Answer the question, score by score."""
    found = [
        say(
            "{score} falls by {loss} where {allowed} is tolerated",
            score=SCORE_TITLES[score],
            loss=stated(loss, "measured", ".5f"),
            allowed=stated(allowed, "set", "g"),
        )
        for score, loss, allowed in _beyond(losses)
    ]
    if found:
        return say("Beyond the losses that this project tolerates: {what}.", what=joined(found))
    if not all(losses.values()):
        return say("How much is lost is not recorded.")
    return say("Every score stays within the loss that this project tolerates.")


def _worst(evidence: Evidence) -> list[Text]:
    table = loss_table(evidence.first.metrics)
    if not len(table):
        return []
    worst = table.iloc[int(table["membrane_iou"].argmin())]
    lost: Stated | None = stated(float(worst["membrane_iou"]), "measured", "+.4f")
    return [
        say(
            "Of the steps in between, {step} costs most membrane IoU ({lost}, first seed).",
            step=Name(f"“{worst['step']}”"),
            lost=lost,
        )
    ]
