"""The tables of a run's report, from its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from spikeseg_core.evaluation.accounting import DEPLOYED, SCORES, to_deployed
from spikeseg_core.report.document import (
    SCORE_TITLES,
    SEGMENTATIONS,
    Cell,
    Table,
    number,
)
from spikeseg_core.report.stated import Code, significant
from spikeseg_core.stages import table as registry

METRICS = {
    "test/pixel_accuracy": SCORE_TITLES["pixel_accuracy"],
    "test/membrane_iou": SCORE_TITLES["membrane_iou"],
    "test/dice": "Dice",
    "test/v_rand": SCORE_TITLES["v_rand"],
    "test/v_rand_at_validation_threshold": "V_Rand, threshold from validation",
    "test/v_info": SCORE_TITLES["v_info"],
    "spikes/mean_rate_hz": "mean rate, Hz",
}
"""Metrics of the accuracy table and their headings."""

MAPPING_FACTS = {
    "neurons_on_chip": "neurons on chip",
    "neurons_off_chip": "neurons on the host",
    "cores": "cores",
    "chips": "chips",
    "strategy": "partitioned by",
    "weight_bits": "bits per weight",
}
MAPPING_METRICS = {
    "mapping/messages_per_step": "NoC traffic, messages per step",
    "mapping/interchip_messages_per_step": "of which between chips",
    "mapping/largest_share_of_compartments": "fullest core: compartments",
    "mapping/largest_share_of_input_axons": "fullest core: input axons",
    "mapping/largest_share_of_output_axons": "fullest core: output axons",
    "mapping/largest_share_of_synapse_bits": "fullest core: synapse memory",
}
"""Metrics of the table of cores and chips and their headings."""

USES = {"training": "train", "choosing": "validation", "testing": "test"}
"""What the splits of the sections are for, and their names."""

COMPONENTS = ("dynamic", "static", "total")
_THRESHOLDS = (
    "V_Rand and V_Info are at the threshold that is best on the test sections, as in the challenge."
)
_A_CHOICE = (
    "The last row is not a loss of the conversion: at the operating point tiles are presented for "
    "fewer steps, to save energy."
)
_FOR_ALL_TILES = (
    "The CPU works tile by tile, unless whole sections are said. Published figures are of another, "
    "much smaller network: one inference, times the tiles of a section."
)
SCORE_FORM = ".3f"
"""The scores of a few sections are not known better."""


def results(summary: Mapping[str, Any], *, published: bool = True) -> dict[str, Table]:
    """Tabulate the results of a run by title, with or without published figures."""
    return {
        "Accuracy on the test sections": accuracy(summary["stages"]),
        "Change by each step": losses(summary["losses"]),
        "Cores and chips": mapping(summary["mapping"]),
        "Energy per section, mJ": energy(summary["energy"].get("figures", []), published),
        "Minutes": minutes(summary),
    }


def accuracy(stages: Mapping[str, Mapping[str, float | None]]) -> Table:
    """One row per segmentation."""
    shown = [name for name in METRICS if any(name in values for values in stages.values())]
    rows = [
        [SEGMENTATIONS.get(tag, tag), *(_score(name, values.get(name)) for name in shown)]
        for tag, values in stages.items()
    ]
    heading = ["network", *(METRICS[name] for name in shown)]
    return Table(heading, rows, _THRESHOLDS if "test/v_rand" in shown else None)


def _score(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if name.endswith("_hz") else f"{value:{SCORE_FORM}}"


def losses(found: Mapping[str, Any]) -> Table:
    """One row per step from the ANN to the chip as deployed, their sum, and what is tolerated.

    A shorter presentation comes last: it is a choice, and no tolerance applies to it.
    """
    steps = found["steps"]
    deployed = steps[: len(to_deployed(pd.DataFrame(steps)))]
    rows: list[list[Cell]] = [[step["step"], *_changes(step)] for step in deployed]
    if deployed:
        sums = {score: sum(step[score] for step in deployed) for score in SCORES}
        total = "ANN to chip" if deployed[-1]["to"] == DEPLOYED else "all steps"
        rows.append([total, *_changes(sums)])
    if deployed and (tolerance := found.get("tolerance")):
        allowed = (tolerance.get(score) for score in SCORES)
        told = (f"down to -{value:g}" if value is not None else "–" for value in allowed)
        rows.append(["tolerated", *told])
    shorter = steps[len(deployed) :]
    rows += [[f"{step['step']} (a choice)", *_changes(step)] for step in shorter]
    caption = _A_CHOICE if shorter else None
    return Table(["step", *(SCORE_TITLES[score] for score in SCORES)], rows, caption)


def _changes(step: Mapping[str, Any]) -> list[str]:
    return [change(step[score]) for score in SCORES]


def change(value: float) -> str:
    """Format a change of a score; one that rounds to zero has no sign."""
    told = f"{value:+{SCORE_FORM}}"
    return told if told.strip("+-0.") else told[1:]


def mapping(found: Mapping[str, Any]) -> Table:
    """Neurons, cores, chips, traffic, and utilization of the fullest core."""
    metrics, cores = found["metrics"], found.get("cores_per_chip")
    rows: list[list[Cell]] = [
        [title, number(found[n])] for n, title in MAPPING_FACTS.items() if n in found
    ]
    rows += (
        [["cores on each chip", ", ".join(map(str, cores or ()))]] if len(cores or ()) > 1 else []
    )
    for name, title in MAPPING_METRICS.items():
        if name in metrics:
            share = name.startswith("mapping/largest_share")
            value = metrics[name]
            rows.append([title, f"{value:.0%}" if share else significant(value)])
    return Table(["", "value"], rows)


def energy(
    figures: Sequence[Mapping[str, Any]], published: bool = True, *, main: bool = False
) -> Table:
    """One row per device, precision, batch and basis.

    Parameters
    ----------
    published : bool
        Whether published figures of other networks are included.
    main : bool
        Only what is compared: int8, online, Loihi as deployed and at its operating point.
    """
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for one in figures:
        if (main and not _is_main(one)) or (one["basis"] == "published" and not published):
            continue
        device = f"{one['label']} (busy)" if one.get("busy") else one["label"]
        timed = "" if one["time_basis"] == one["basis"] else f", time {one['time_basis']}"
        key = (device, one["precision"], str(one["batch"]), one["basis"] + timed)
        line = found.setdefault(key, {"ms": 1000 * one["seconds_per_section"]})
        line[one["component"]] = one["mj_per_section"]
    rows: list[list[Cell]] = [
        [*key[:3], *(significant(line.get(name)) for name in (*COMPONENTS, "ms")), key[3]]
        for key, line in found.items()
    ]
    caption = _FOR_ALL_TILES if published and not main else None
    return Table(["device", "precision", "batch", *COMPONENTS, "ms", "basis"], rows, caption)


def _is_main(one: Mapping[str, Any]) -> bool:
    return (
        (one["precision"], one["batch"], one["variant"]) == ("int8", 1, "")
        and one["basis"] != "published"
        and one["presentation"] in (None, "deployed", "operating point")
    )


def minutes(summary: Mapping[str, Any]) -> Table:
    """One row per stage, and their sum."""
    rows: list[list[Cell]] = [
        [
            registry.stage(name).title,
            f"{spent:.1f}",
            "finished before" if name in summary["reused"] else "now",
        ]
        for name, spent in summary["minutes"].items()
    ]
    total = sum(summary["minutes"].values())
    return Table(["stage", "minutes", "run"], [*rows, ["all stages", f"{total:.1f}", ""]])


def split_in_words(facts: Mapping[str, Any]) -> str:
    """Say what the sections are for: ``20 for training, 4 for choosing, 6 for testing``."""
    splits = facts.get("sections") or {}
    counts = [f"{count} for {use}" for use, split in USES.items() if (count := splits.get(split))]
    others = facts.get("unlabelled_sections")
    return ", ".join([*counts, *([f"{others} without labels"] if others else [])])


def data(facts: Mapping[str, Any]) -> Table:
    """Tabulate what is known of the sections; the rest is in MLflow."""
    height_width = " x ".join(map(str, facts.get("section_shape") or ()))
    pixel = " x ".join(f"{side:g}" for side in facts.get("pixel_nm") or ())
    told = {
        "from": facts.get("note"),
        "sections": split_in_words(facts),
        "size of a section, px": height_width,
        "size of a pixel, nm": pixel,
        "labels": facts.get("polarity"),
    }
    rows: list[list[Cell]] = [[name, str(value)] for name, value in told.items() if value]
    digests = {
        "sha256 of the prepared data": facts.get("sha256"),
        "sha256 of the pixels": facts.get("pixels_sha256"),
    }
    rows += [[name, Code(value)] for name, value in digests.items() if value]
    return Table(["", "value"], rows)


def settings(config: Mapping[str, Any]) -> Table:
    """One row per setting, by its dotted name."""
    rows: list[list[Cell]] = []
    for part, values in config.items():
        if isinstance(values, Mapping):
            rows += [[Code(f"{part}.{name}"), _text(value)] for name, value in values.items()]
        else:
            rows.append([Code(part), _text(values)])
    return Table(["setting", "value"], rows)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)
