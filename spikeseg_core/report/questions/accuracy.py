"""Q1: the accuracy lost between the ANN and the chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spikeseg_core.config import ToleranceConfig
from spikeseg_core.evaluation.accounting import SCORES, START, STEPS, loss_table, to_deployed
from spikeseg_core.figures.waterfall import waterfall_figure
from spikeseg_core.report import cross_validation
from spikeseg_core.report.document import (
    SCORE_TITLES,
    SEGMENTATIONS,
    Cell,
    Picture,
    Section,
    Table,
    in_words,
    missing,
)
from spikeseg_core.report.evidence import Evidence, draw
from spikeseg_core.report.stated import Name, Stated, Text, joined, say, stated

QUESTION = "Can a segmentation network be converted to spikes without a large loss of accuracy?"

TITLES = {
    **SEGMENTATIONS,
    "ann_loihi_curve": "ANN, Loihi's rate curve",
    "cpu_int8": "ANN on the CPU, tile by tile, int8",
    "cpu_fp32": "ANN on the CPU, tile by tile, fp32",
    "cpu_whole_section_int8": "ANN on the CPU, whole sections, int8",
    "cpu_whole_section_fp32": "ANN on the CPU, whole sections, fp32",
}
PUBLISHED_ANN, PUBLISHED_SNN = 94.98, 92.13
"""In per cent, from secondary sources that do not name the metric."""


ONE_SPLIT = "No cross-validation is recorded: the scores are of few sections, without an interval."
CROSS_VALIDATION = "sweep cross-validation --preset"

CARRIED = "v_rand_at_validation_threshold"
CARRIED_TITLE = "V_Rand at the threshold chosen on validation"
ALL_SECTIONS = "all sections, each tested once by networks that have not seen it"

ONE_SEED = "One seed says nothing about the spread between trainings; three would."


def more_seeds(preset: str) -> str:
    """Return the command that reports several seeds."""
    return f"report --preset {preset} --seeds 0,1,2"


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, drawing pictures in the folder."""
    folds = cross_validation.recorded(evidence)
    losses = folds.changes or {
        score: evidence.change("ann", "loihi", f"test/{score}") for score in SCORES
    }
    carried = None if folds.changes else evidence.change("ann", "loihi", f"test/{CARRIED}")
    finding = say(
        "{verdict}: from the ANN to the integer network on the emulated chips, as deployed, V_Rand "
        "changes by {v_rand}, V_Info by {v_info}, pixel accuracy by {pixels} and membrane IoU by "
        "{iou} on {where}",
        where=ALL_SECTIONS if folds.changes else "the test sections",
        v_rand=losses["v_rand"],
        v_info=losses["v_info"],
        pixels=losses["pixel_accuracy"],
        iou=losses["membrane_iou"],
        verdict=_verdict(losses, carried),
    )
    answer = [
        say(
            "In the runs reported, the ANN reaches a V_Rand of {before} on the test sections; the "
            "integer network on the chips, the same network neuron for neuron, reaches {after}.",
            before=evidence.state("ann", "test/v_rand"),
            after=evidence.state("loihi", "test/v_rand"),
        ),
        _within(losses),
        *_worst(evidence, [score for score, _, _ in _beyond(losses)] or ["membrane_iou"]),
        _at_the_carried_threshold(evidence.change("ann", "loihi", f"test/{CARRIED}")),
        say(
            "For comparison, a secondary source about the paper gives {ann} for its ANN and {snn} "
            "for its spiking network, a loss of {loss}, without naming the metric.",
            ann=stated(PUBLISHED_ANN, "published", ".2f", "%"),
            snn=stated(PUBLISHED_SNN, "published", ".2f", "%"),
            loss=stated(PUBLISHED_ANN - PUBLISHED_SNN, "published", ".2f", "points"),
        ),
    ]
    return Section(
        key="Q1",
        title=QUESTION,
        finding=finding,
        answer=answer,
        tables=[*folds.tables, _scores(evidence), _steps(evidence)],
        pictures=_pictures(evidence, folder),
        runs=[*evidence.behind("train", "tune", "convert", "deploy"), *folds.runs],
        unknown=[
            say("Nothing ran on silicon: the chips are emulated, spike by spike."),
            say(
                "As in the challenge, V_Rand uses the threshold that is best on the sections it "
                "is computed on; with the threshold chosen on validation it is {chosen}.",
                chosen=evidence.state("loihi", f"test/{CARRIED}"),
            ),
            say(
                "The authors' augmentation, input size and layers are not known exactly, so "
                "their figures are not for exactly the same task."
            ),
        ],
        missing=[
            *(
                []
                if folds.tables
                else [missing(ONE_SPLIT, f"{CROSS_VALIDATION} {evidence.preset}")]
            ),
            *([missing(ONE_SEED, more_seeds(evidence.preset))] if len(evidence.runs) < 2 else []),
        ],
    )


def _pictures(evidence: Evidence, folder: Path) -> list[Picture]:
    pictures: list[Picture] = []
    steps = to_deployed(loss_table(evidence.first.metrics))
    if len(steps):
        begin = {score: evidence.first.metrics["ann"][f"test/{score}"] for score in SCORES}
        pictures.append(
            draw(
                waterfall_figure,
                steps,
                begin,
                ToleranceConfig().model_dump(),
                caption=say(
                    "Each score after every step from the ANN to the chips as deployed, test "
                    "sections, first seed, and its change: to the left a loss, to the right a "
                    "gain. The shaded range is the loss that is tolerated; axes are enlarged."
                ),
                basis=("measured",),
                folder=folder,
                name="waterfall",
                narrow=True,
                wide=True,
            )
        )
    return pictures + evidence.picture(
        "deploy",
        "sections_loihi.png",
        say("A test section segmented by the integer network on the emulated chips."),
        "measured",
        wide=True,
    )


def _scores(evidence: Evidence) -> Table:
    on_cpu = sorted({tag for run in evidence.runs for tag in run.metrics if tag.startswith("cpu_")})
    tags = [START, *(tag for _, tag in STEPS), *on_cpu]
    rows: list[list[Cell]] = [
        [
            TITLES.get(tag, tag.replace("_", " ")),
            *(evidence.state(tag, f"test/{score}") for score in SCORES),
            evidence.state(tag, f"test/{CARRIED}"),
            evidence.state(tag, "spikes/mean_rate_hz", form=".1f"),
        ]
        for tag in tags
        if evidence.values(tag, "test/v_rand")
    ]
    return Table(
        caption=say("Scores on whole test sections."),
        heading=[
            "network",
            *SCORE_TITLES.values(),
            "V_Rand, threshold from validation",
            "mean rate of on-chip layers, Hz",
        ],
        rows=rows,
    )


def _steps(evidence: Evidence) -> Table:
    tables = [to_deployed(loss_table(run.metrics)) for run in evidence.runs]
    names = list(tables[0]["step"])
    rows: list[list[Cell]] = []
    for name in names:
        changes = [table[table["step"] == name] for table in tables]
        rows.append(
            [
                name,
                *(
                    stated([float(c[s].iloc[0]) for c in changes if len(c)], "measured", "+.3f")
                    for s in SCORES
                ),
            ]
        )
    totals = [stated([float(t[s].sum()) for t in tables], "measured", "+.3f") for s in SCORES]
    rows.append(["ANN to chips", *totals])
    tolerated = [
        say("{loss} in {score}", loss=stated(allowed, "set", "g"), score=SCORE_TITLES[score])
        for score, allowed in ToleranceConfig().model_dump().items()
    ]
    return Table(
        caption=say(
            "Change by each step to the network as deployed, test sections, from unrounded scores. "
            "With several seeds the medians need not add up; the steps of each seed do. Tolerated "
            "losses: {tolerated}.",
            tolerated=joined(tolerated),
        ),
        heading=["step", *SCORE_TITLES.values()],
        rows=rows,
    )


def _verdict(losses: Mapping[str, Stated | None], carried: Stated | None) -> str:
    """Answer yes or no: whether the losses are within the tolerances.

    ``carried`` is the change of V_Rand at the threshold that validation chose, where the other
    losses are at the best one.
    """
    if not all(losses.values()):
        return "How far is not known, because not all scores are recorded"
    beyond = [SCORE_TITLES[score] for score, _, _ in _beyond(losses)]
    if carried is not None and _is_beyond(carried):
        beyond.append(CARRIED_TITLE)
    if beyond:
        return f"No, the loss is more than tolerated in {in_words(beyond)}"
    return "Yes, every score stays within its tolerance"


def _beyond(losses: Mapping[str, Stated | None]) -> list[tuple[str, float, float]]:
    """Scores that lose more than tolerated: score, loss, tolerance."""
    tolerated = ToleranceConfig().model_dump()
    return [
        (score, -change.value, tolerated[score])
        for score, change in losses.items()
        if change is not None and round(-change.value, 9) > tolerated[score]
    ]


def _within(losses: Mapping[str, Stated | None]) -> Text:
    """Answer the question, score by score."""
    found = [
        say(
            "{score} falls by {loss}, {allowed} is tolerated",
            score=SCORE_TITLES[score],
            loss=stated(loss, "measured", ".4f"),
            allowed=stated(allowed, "set", "g"),
        )
        for score, loss, allowed in _beyond(losses)
    ]
    if found:
        return say("Losses beyond the tolerance of this project: {what}.", what=joined(found, "; "))
    if not all(losses.values()):
        return say("Not all losses are recorded.")
    return say("Every score stays within the loss that this project tolerates.")


def _is_beyond(change: Stated) -> bool:
    """Whether V_Rand falls by more than is tolerated."""
    return round(-change.value, 9) > ToleranceConfig().v_rand


def _at_the_carried_threshold(change: Stated | None) -> Text:
    """Judge the loss of V_Rand at the threshold that a user would have."""
    verdict = "which is not known"
    if change is not None:
        verdict = "more than is tolerated" if _is_beyond(change) else "within what is tolerated"
    return say(
        "All this is at the threshold that is best on the test sections, as in the challenge; at "
        "the one that was chosen on validation, which is the one used on new sections, V_Rand "
        "changes by {change} from the ANN to the chips, {verdict}.",
        change=change,
        verdict=verdict,
    )


def _worst(evidence: Evidence, scores: Sequence[str]) -> list[Text]:
    """Name the step that costs most of each of these scores."""
    table = to_deployed(loss_table(evidence.first.metrics))
    if not len(table):
        return []
    found = []
    for score in scores:
        worst = table.iloc[int(table[score].argmin())]
        found.append(
            say(
                "{step} costs the most {score} ({lost}, first seed)",
                step=Name(f"“{worst['step']}”"),
                score=SCORE_TITLES[score],
                lost=stated(float(worst[score]), "measured", "+.3f"),
            )
        )
    return [say("Of the steps in between, {which}.", which=joined(found, "; "))]
