"""Q4: how floating-point weights become Loihi's integers, and what that costs in accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spikeseg_core.config import ToleranceConfig
from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures.research import weight_error_figure
from spikeseg_core.report.document import (
    SCORE_TITLES,
    Cell,
    Section,
    Table,
    in_words,
    missing,
)
from spikeseg_core.report.evidence import Evidence, draw
from spikeseg_core.report.questions.accuracy import CARRIED, CARRIED_TITLE
from spikeseg_core.report.stated import Name, Printable, Stated, joined, say, stated, told
from spikeseg_core.report.sweep import recorded_sweeps

QUESTION = (
    "Which quantization and mapping of floating-point weights to Loihi's fixed point keep "
    "performance?"
)


_WHOLE = ("cpu_whole_section_fp32", "cpu_whole_section_int8")


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, drawing pictures in the folder."""
    table = evidence.table("quantize", "cores")
    bits = stated(evidence.first.settings["quantize"]["weight_bits"], "set", ".0f", "bits")
    change = {score: evidence.change("snn_spiking", "loihi", f"test/{score}") for score in SCORES}
    carried = evidence.change("snn_spiking", "loihi", f"test/{CARRIED}")
    error = evidence.state("quantize", "quantize/weight_error", form=".2%")
    finding = say(
        "{verdict}: {bits} and a scale for each core block. From float spikes to integers V_Rand "
        "changes by {v_rand}, V_Info by {v_info}, pixel accuracy by {pixels} and membrane IoU by "
        "{iou}, V_Rand at the threshold chosen on validation by {carried}; rounding changes the "
        "weights by {error} in root mean square",
        carried=carried,
        v_info=change["v_info"],
        iou=change["membrane_iou"],
        verdict=_verdict({**change, CARRIED: carried}),
        bits=bits,
        error=error,
        v_rand=change["v_rand"],
        pixels=change["pixel_accuracy"],
    )
    answer = [
        say(
            "Every core block has its own scale: weights are scaled so that the largest one fills "
            "the range, with an exponent for which thresholds and biases fit their registers. The "
            "largest error of a single weight is {largest} of its block's largest weight.",
            largest=evidence.state("quantize", "quantize/largest_weight_error", form=".2%"),
        ),
        say(
            "For comparison, from fp32 to int8 the conventional ANN on the CPU changes by {pixels} "
            "in pixel accuracy and by {v_rand} in V_Rand tile by tile, and by {whole_pixels} and "
            "{whole_v_rand} on whole sections.",
            pixels=evidence.change("cpu_fp32", "cpu_int8", "test/pixel_accuracy"),
            v_rand=evidence.change("cpu_fp32", "cpu_int8", "test/v_rand"),
            whole_pixels=evidence.change(*_WHOLE, "test/pixel_accuracy"),
            whole_v_rand=evidence.change(*_WHOLE, "test/v_rand"),
        ),
    ]
    tables = [_effect(evidence)]
    pictures = []
    if table is not None:
        tables.append(_layers(table))
        pictures.append(
            draw(
                weight_error_figure,
                table,
                caption=say("Error of the integer weights and utilization of the cores, by layer."),
                basis=("measured",),
                folder=folder,
                name="weights",
                narrow=True,
            )
        )
    sweeps = evidence.sweeps_over("quantize.", "tune.weight_bits")
    more_tables, more_pictures, sweep_runs = recorded_sweeps(sweeps)
    varied = {name for sweep in sweeps for name in sweep.varied}
    return Section(
        key="Q4",
        title=QUESTION,
        finding=finding,
        answer=answer,
        tables=[*tables, *more_tables],
        pictures=[*pictures, *more_pictures],
        runs=[*evidence.behind("quantize", "deploy"), *sweep_runs],
        unknown=[
            say(
                "The authors' scheme of scales and exponents is not published; NengoLoihi's is "
                "used here, checked integer by integer."
            ),
            say(
                "Fewer weight bits also need less memory per core; whether a wider network on the "
                "same chips would then be better was not investigated."
            ),
        ],
        missing=[]
        if "quantize.weight_bits" in varied
        else [
            missing("No sweep over the number of weight bits is recorded.", "sweep ablation-bits")
        ],
    )


def _verdict(change: Mapping[str, Stated | None]) -> str:
    """Say whether rounding alone stays within the tolerances."""
    if not all(change.values()):
        return "How far is not known, because not all scores are recorded"
    allowed = ToleranceConfig().model_dump()
    allowed[CARRIED] = allowed["v_rand"]
    titles = {**SCORE_TITLES, CARRIED: CARRIED_TITLE}
    beyond = [
        titles[score]
        for score, found in change.items()
        if found is not None and -found.value > allowed[score]
    ]
    if beyond:
        return f"No, this one loses more than is tolerated in {in_words(beyond)}"
    return "Yes, this one keeps every score within its tolerance"


def _effect(evidence: Evidence) -> Table:
    steps = (
        ("float spikes", "integers on cores", "snn_spiking", "loihi"),
        ("ANN on the CPU, fp32", "the same, int8, tile by tile", "cpu_fp32", "cpu_int8"),
        ("ANN on the CPU, fp32", "the same, int8, whole sections", *_WHOLE),
    )
    rows: list[list[Cell]] = [
        [before, after, *(evidence.change(a, b, f"test/{score}") for score in SCORES)]
        for before, after, a, b in steps
    ]
    return Table(
        caption=say("Effect of rounding the weights, test sections."),
        heading=["from", "to", "pixel accuracy", "membrane IoU", "V_Rand", "V_Info"],
        rows=rows,
    )


def _layers(table: pd.DataFrame) -> Table:
    rows: list[list[Cell]] = [
        [
            Name(str(row["layer"])),
            _tile(str(row["tile"])),
            stated(row["cores"], "measured", ",.0f"),
            stated(row["compartments_used"], "measured", ".1%"),
            stated(row["synapse_bits_used"], "measured", ".1%"),
            stated(row["weight_error"], "measured", ".2%"),
            _range(row["weight_exponents"]),
            _range(row["thresholds"]),
        ]
        for _, row in table.iterrows()
    ]
    return Table(
        caption=say(
            "The integer network by layer, first seed: utilization of the layer's fullest core, "
            "and the root mean square error of its weights over that of the weights themselves."
        ),
        heading=[
            *("layer", "tile", "cores", "compartments", "synapse memory", "weight error"),
            *("weight exponents", "thresholds"),
        ],
        rows=rows,
    )


def _tile(text: str) -> Printable:
    """State the sides of ``"7x12x12"``."""
    return joined([told(side, "measured") for side in text.split("x")], " x ")


def _range(text: object) -> Printable:
    """State both ends of ``"34816 to 35008"``, or the one value if they are equal."""
    low, _, high = str(text).partition(" to ")
    return told(low if low == high else str(text), "measured")
