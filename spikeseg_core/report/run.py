"""The report of one pipeline run: a summary of its stages' results, and a document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from spikeseg_core.evaluation.accounting import SCORES, blame, loss_table
from spikeseg_core.report.document import (
    SCORE_TITLES,
    SEGMENTATIONS,
    SYNTHETIC,
    Document,
    Picture,
    Section,
    Table,
    number,
)
from spikeseg_core.report.embed import data_uri
from spikeseg_core.report.records import RecordedStage
from spikeseg_core.stages import table as registry

METRICS = {
    "test/pixel_accuracy": SCORE_TITLES["pixel_accuracy"],
    "test/membrane_iou": SCORE_TITLES["membrane_iou"],
    "test/dice": "Dice",
    "test/v_rand": SCORE_TITLES["v_rand"],
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
    "mapping/messages_per_step": "NoC traffic, packets per step",
    "mapping/interchip_messages_per_step": "of which between chips",
    "mapping/largest_share_of_compartments": "fullest core: compartments",
    "mapping/largest_share_of_input_axons": "fullest core: input axons",
    "mapping/largest_share_of_output_axons": "fullest core: output axons",
    "mapping/largest_share_of_synapse_bits": "fullest core: synapse memory",
}
"""Metrics of the table of cores and chips and their headings."""

COMPONENTS = ("dynamic", "static", "total")


def summarize(
    stages: Mapping[str, RecordedStage], started: float, tolerance: Mapping[str, float]
) -> dict[str, Any]:
    """Summarize the results of the stages.

    Parameters
    ----------
    stages : mapping of str to RecordedStage
        Finished stages by name.
    started : float
        Start of the pipeline in seconds since 1970; older stages count as reused.
    tolerance : mapping of str to float
        Largest accepted loss from the ANN to the chips, by score.
    """
    metrics = {
        tag: dict(values)
        for stage in stages.values()
        for tag, values in stage.account["outcome"]["metrics"].items()
    }
    losses = loss_table(metrics)
    facts = {name: stage.facts for name, stage in stages.items()}
    dataset = facts.get("prepare", {})
    return {
        "dataset": {**dataset, "synthetic": bool(dataset.get("synthetic"))},
        "stages": {tag: metrics[tag] for tag in SEGMENTATIONS if tag in metrics},
        "losses": {
            "steps": losses.to_dict(orient="records"),
            "warnings": blame(losses, tolerance),
        },
        "mapping": {
            **facts.get("quantize", {}),
            **facts.get("partition", {}),
            "metrics": {**metrics.get("quantize", {}), **metrics.get("partition", {})},
        },
        "energy": {**facts.get("benchmark", {}), "metrics": metrics.get("benchmark", {})},
        "minutes": {name: stage.account["seconds"] / 60 for name, stage in stages.items()},
        "reused": [name for name, one in stages.items() if one.account["started"] < started],
    }


def run_report(summary: Mapping[str, Any], pictures: Mapping[str, Sequence[Path]]) -> Document:
    """Make the full report of a run.

    Parameters
    ----------
    summary : mapping
        From :func:`summarize`, with ``preset``, ``config``, ``mlflow`` and ``prefect``.
    pictures : mapping of str to sequence of Path
        PNG files by stage; missing files are skipped.
    """
    tables = {**results(summary), "Data": _facts(summary["dataset"])}
    return _document(
        summary,
        [
            *_sections(tables),
            *_pictures(pictures),
            Section("Where this is recorded", answer=_recorded(summary)),
            Section("Settings", code=json.dumps(summary["config"], indent=2)),
        ],
    )


def short_report(summary: Mapping[str, Any]) -> Document:
    """Make the report of a run for the terminal: the results without published figures."""
    return _document(summary, _sections(results(summary, published=False)))


def _document(summary: Mapping[str, Any], sections: Sequence[Section]) -> Document:
    dataset = summary["dataset"]
    return Document(
        title=f"SpikeSeg: {summary['preset']} on {dataset.get('source', '?')}",
        subtitle=str(dataset.get("note") or ""),
        sections=sections,
        warning=SYNTHETIC if dataset["synthetic"] else "",
        notes=summary["losses"]["warnings"],
        stated=False,
    )


def _sections(tables: Mapping[str, Table]) -> list[Section]:
    return [Section(title, tables=[table]) for title, table in tables.items() if table.rows]


def results(summary: Mapping[str, Any], *, published: bool = True) -> dict[str, Table]:
    """Tabulate the results of a run by title, with or without published figures."""
    return {
        "Accuracy on the test sections": _accuracy(summary["stages"]),
        "Change by each step": _losses(summary["losses"]["steps"]),
        "Cores and chips": _mapping(summary["mapping"]),
        "Energy per section, mJ": _energy(summary["energy"].get("figures", []), published),
        "Minutes": _minutes(summary),
    }


def _accuracy(stages: Mapping[str, Mapping[str, float | None]]) -> Table:
    """One row per segmentation."""
    shown = [name for name in METRICS if any(name in values for values in stages.values())]
    rows = [
        [SEGMENTATIONS.get(tag, tag), *(number(values.get(name)) for name in shown)]
        for tag, values in stages.items()
    ]
    return Table(["network", *(METRICS[name] for name in shown)], rows)


def _losses(steps: Sequence[Mapping[str, Any]]) -> Table:
    """One row per step from the ANN to the chips, and the sum."""
    rows = [[step["step"], *(f"{step[score]:+.4f}" for score in SCORES)] for step in steps]
    sums = [f"{sum(step[score] for step in steps):+.4f}" for score in SCORES]
    total = [["all steps", *sums]] if steps else []
    return Table(["step", *(SCORE_TITLES[score] for score in SCORES)], [*rows, *total])


def _mapping(mapping: Mapping[str, Any]) -> Table:
    """Neurons, cores, chips, traffic, and utilization of the fullest core."""
    metrics, cores = mapping["metrics"], mapping.get("cores_per_chip")
    rows = [[title, number(mapping[n])] for n, title in MAPPING_FACTS.items() if n in mapping]
    rows += [["cores on each chip", ", ".join(str(n) for n in cores)]] if cores else []
    rows += [[title, number(metrics[n])] for n, title in MAPPING_METRICS.items() if n in metrics]
    return Table(["", "value"], rows)


def _energy(figures: Sequence[Mapping[str, Any]], published: bool) -> Table:
    """One row per device, precision, batch and basis."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for one in figures:
        if published or one["basis"] != "published":
            key = (one["label"], one["precision"], str(one["batch"]), one["basis"])
            line = found.setdefault(key, {"ms": 1000 * one["seconds_per_section"]})
            line[one["component"]] = one["mj_per_section"]
    rows = [
        [*key[:3], *(number(line.get(name)) for name in (*COMPONENTS, "ms")), key[3]]
        for key, line in found.items()
    ]
    return Table(["device", "precision", "batch", *COMPONENTS, "ms", "basis"], rows)


def _minutes(summary: Mapping[str, Any]) -> Table:
    rows = [
        [
            registry.stage(name).title,
            f"{minutes:.2f}",
            "finished before" if name in summary["reused"] else "now",
        ]
        for name, minutes in summary["minutes"].items()
    ]
    return Table(["stage", "minutes", "run"], rows)


def _facts(facts: Mapping[str, Any]) -> Table:
    """Scalar facts; the others are in MLflow."""
    rows = [
        [name.replace("_", " "), number(value)]
        for name, value in facts.items()
        if isinstance(value, str | int | float | bool)
    ]
    return Table(["", "value"], rows)


def _recorded(summary: Mapping[str, Any]) -> list[str]:
    mlflow, prefect = summary["mlflow"], summary["prefect"]
    found = [
        f"MLflow run: {mlflow['run_id']} in {mlflow['tracking_uri']}, experiment "
        f"{mlflow['experiment']}"
    ]
    if page := prefect["url"] or prefect["flow_run_id"]:
        found.append(f"Prefect run: {page}")
    return found


def _pictures(pictures: Mapping[str, Sequence[Path]]) -> list[Section]:
    """One section per stage; the pictures are embedded in parallel."""
    files = [path for paths in pictures.values() for path in paths if path.is_file()]
    with ThreadPoolExecutor() as pool:
        uris = dict(zip(files, pool.map(data_uri, files), strict=True))
    found = {
        name: [Picture(uris[path], path.stem.replace("_", " ")) for path in paths if path in uris]
        for name, paths in pictures.items()
    }
    return [Section(registry.stage(n).title, pictures=each) for n, each in found.items() if each]
