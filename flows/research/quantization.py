"""Q4: how floating-point weights become Loihi's integers, and what that costs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flows.research.content import Cell, Missing, Section, Table
from flows.research.evidence import Evidence, draw
from flows.research.stated import Code, Name, Printable, joined, say, stated, told
from flows.research.sweeps import sweep_section
from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures.research import weight_error_figure

QUESTION = (
    "Which quantization and mapping of floating-point weights to Loihi's fixed point keep "
    "performance?"
)


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence; pictures are drawn in the folder."""
    table = evidence.table("quantize", "cores")
    bits = stated(evidence.first.settings["quantize"]["weight_bits"], "set", ".0f", "bits")
    change = {score: evidence.change("snn_spiking", "loihi", f"test/{score}") for score in SCORES}
    error = evidence.state("quantize", "quantize/weight_error", form=".2%")
    finding = say(
        "Weights of {bits}, scaled core block by core block, are off by {error} on average, and "
        "from float spikes to integers V_Rand moves by {v_rand} and pixel accuracy by {pixels}",
        bits=bits,
        error=error,
        v_rand=change["v_rand"],
        pixels=change["pixel_accuracy"],
    )
    answer = [
        say(
            "Every core block has its own scale: weights are scaled so that the largest fills the "
            "range, and the exponent is searched until thresholds and biases fit their registers. "
            "The largest error of one weight is {largest} of its block's largest weight.",
            largest=evidence.state("quantize", "quantize/largest_weight_error", form=".2%"),
        ),
        say(
            "For comparison, the conventional ANN on the CPU moves by {pixels} in pixel accuracy "
            "and by {v_rand} in V_Rand from fp32 to int8.",
            pixels=evidence.change("cpu_fp32", "cpu_int8", "test/pixel_accuracy"),
            v_rand=evidence.change("cpu_fp32", "cpu_int8", "test/v_rand"),
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
                caption=say("Error of the integer weights, and how full the cores are, by layer."),
                basis=("measured",),
                folder=folder,
                name="weights",
            )
        )
    sweeps = evidence.sweeps_over("quantize.", "tune.weight_bits")
    more_tables, more_pictures, sweep_runs = sweep_section(sweeps)
    varied = {name for sweep in sweeps for name in sweep.varied}
    return Section(
        key="Q4",
        question=QUESTION,
        finding=finding,
        answer=answer,
        tables=[*tables, *more_tables],
        pictures=[*pictures, *more_pictures],
        runs=[*evidence.behind("quantize", "deploy"), *sweep_runs],
        unknown=[
            say(
                "The authors' own scheme of scales and exponents is not published; this is "
                "NengoLoihi's, checked against it integer by integer."
            ),
            say(
                "Fewer weight bits make cores smaller too; whether a wider network would then win "
                "at the same chips was not searched."
            ),
        ],
        missing=[]
        if "quantize.weight_bits" in varied
        else [
            Missing(
                say("Other numbers of weight bits are not recorded."),
                Code("spikeseg sweep ablation-bits"),
            )
        ],
    )


def _effect(evidence: Evidence) -> Table:
    steps = (
        ("float spikes", "integers on cores", "snn_spiking", "loihi"),
        ("ANN, fp32", "ANN, int8, on the CPU", "cpu_fp32", "cpu_int8"),
    )
    rows: list[list[Cell]] = [
        [before, after, *(evidence.change(a, b, f"test/{score}") for score in SCORES)]
        for before, after, a, b in steps
    ]
    return Table(
        caption=say("What rounding the weights changes, on the test sections."),
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
        caption=say("The integer network, layer by layer, first seed: fullest core of each."),
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
    """State both ends of ``"34816 to 35008"``, or the one that they are."""
    low, _, high = str(text).partition(" to ")
    return told(low if low == high else str(text), "measured")
