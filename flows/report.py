"""The report of a pipeline run: one page that needs nothing else, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from flows.embed import data_uri
from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.stages import table as registry

SYNTHETIC = "SYNTHETIC DATA: generated sections, no microscopy. These scores say nothing about EM."

COLUMNS = {
    "test/pixel_accuracy": "pixel accuracy",
    "test/membrane_iou": "membrane IoU",
    "test/dice": "Dice",
    "test/v_rand": "V_Rand",
    "test/v_info": "V_Info",
    "spikes/mean_rate_hz": "mean rate, Hz",
}
"""Metrics of the accuracy table, and their headings."""

STAGE_TITLES = {
    "ann": "ANN",
    "rate_tuned": "rate-tuned ANN",
    "snn_rate": "SNN, rates",
    "snn_spiking": "SNN, spikes",
    "loihi": "Loihi, integers",
}

MAPPING_FACTS = {
    "neurons_on_chip": "neurons on chip",
    "neurons_off_chip": "neurons on the host",
    "cores": "cores",
    "chips": "chips",
    "strategy": "partitioned by",
    "weight_bits": "bits of a weight",
}
MAPPING_METRICS = {
    "mapping/messages_per_step": "messages a step",
    "mapping/interchip_messages_per_step": "of these between chips",
    "mapping/largest_share_of_compartments": "fullest core: compartments",
    "mapping/largest_share_of_input_axons": "fullest core: input axons",
    "mapping/largest_share_of_output_axons": "fullest core: output axons",
    "mapping/largest_share_of_synapse_bits": "fullest core: synapse memory",
}
"""What the table of cores and chips shows, with its headings."""

COMPONENTS = ("dynamic", "static", "total")

Row = list[str]


def accuracy_table(summary: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Heading and rows: one row per segmentation, on the test split, whole sections."""
    stages = summary["stages"]
    shown = [name for name in COLUMNS if any(name in values for values in stages.values())]
    rows = [
        [STAGE_TITLES.get(tag, tag), *(number(values.get(name)) for name in shown)]
        for tag, values in stages.items()
    ]
    return ["stage", *(COLUMNS[name] for name in shown)], rows


def losses_table(summary: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Heading and rows: what each step from the ANN to the chip changed; they add up."""
    steps = summary["losses"]["steps"]
    if not steps:
        return ["step"], []
    changes = {score: [step[score] for step in steps] for score in SCORES}
    rows = [
        [step["step"], *(f"{changes[score][i]:+.4f}" for score in SCORES)]
        for i, step in enumerate(steps)
    ]
    total = ["all together", *(f"{sum(changes[score]):+.4f}" for score in SCORES)]
    return ["step", *(COLUMNS[f"test/{score}"] for score in SCORES)], [*rows, total]


def mapping_table(summary: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Heading and rows: neurons, cores, chips, traffic, and the fullest core."""
    mapping = summary["mapping"]
    rows = [
        [title, number(mapping[name])] for name, title in MAPPING_FACTS.items() if name in mapping
    ]
    cores = mapping.get("cores_per_chip")
    rows += [["cores on each chip", ", ".join(str(n) for n in cores)]] if cores else []
    rows += [
        [title, number(mapping["metrics"][name])]
        for name, title in MAPPING_METRICS.items()
        if name in mapping["metrics"]
    ]
    return ["", "value"], rows


def energy_table(summary: Mapping[str, Any], *, published: bool) -> tuple[Row, list[Row]]:
    """Heading and rows: energy of a section by device, and the basis of each.

    Parameters
    ----------
    summary : mapping
        As :func:`flows.summary.conclude` makes it.
    published : bool
        Whether to show figures of publications too.
    """
    heading = ["device", "precision", "batch", *COMPONENTS, "ms", "basis"]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for figure in summary["energy"].get("figures", []):
        if figure["basis"] != "published" or published:
            key = (figure["label"], figure["precision"], str(figure["batch"]), figure["basis"])
            line = found.setdefault(key, {"ms": 1000 * figure["seconds_per_section"]})
            line[figure["component"]] = figure["mj_per_section"]
    rows = [
        [
            *(device, precision, batch),
            *(number(line.get(name)) for name in COMPONENTS),
            number(line["ms"]),
            basis,
        ]
        for (device, precision, batch, basis), line in found.items()
    ]
    return heading, rows


def minutes_table(summary: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Heading and rows: minutes of every stage, and whether it was reused."""
    rows = [
        [
            registry.stage(name).title,
            f"{minutes:.2f}",
            "finished before" if name in summary["reused"] else "now",
        ]
        for name, minutes in summary["minutes"].items()
    ]
    return ["stage", "minutes", "run"], rows


def facts_table(facts: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Heading and rows: single values; longer things are in MLflow."""
    rows = [
        [name.replace("_", " "), number(value)]
        for name, value in facts.items()
        if isinstance(value, str | int | float | bool)
    ]
    return ["", "value"], rows


def tables(
    summary: Mapping[str, Any], *, published: bool = True
) -> dict[str, tuple[Row, list[Row]]]:
    """All tables of the report by their title; empty ones are left out."""
    found = {
        "Accuracy on the test sections": accuracy_table(summary),
        "What each step changed": losses_table(summary),
        "Cores and chips": mapping_table(summary),
        "Energy of a section, mJ": energy_table(summary, published=published),
        "Minutes": minutes_table(summary),
        "Data": facts_table(summary["dataset"]),
    }
    return {title: table for title, table in found.items() if table[1]}


def number(value: Any) -> str:
    """Write a value with as many digits as a reader can use."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    if abs(value) < 1:
        return f"{value:.4f}" if abs(value) >= 1e-3 else f"{value:.3g}"
    return f"{value:,.1f}"


def markdown_report(summary: Mapping[str, Any]) -> str:
    """Write the report as Markdown, without pictures."""
    lines = [f"# SpikeSeg: {summary['preset']} on {summary['dataset'].get('source', '?')}", ""]
    if summary["dataset"]["synthetic"]:
        lines += [f"**{SYNTHETIC}**", ""]
    for title, (heading, rows) in tables(summary).items():
        lines += [f"## {title}", "", f"| {' | '.join(heading)} |", "|---" * len(heading) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    lines += [*(f"**{warning}**" for warning in summary["losses"]["warnings"]), ""]
    lines += [f"MLflow run: `{summary['mlflow']['run_id']}` in {summary['mlflow']['tracking_uri']}"]
    if summary["prefect"]["url"]:
        lines += ["", f"Prefect run: {summary['prefect']['url']}"]
    return "\n".join(lines) + "\n"


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("flows"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html")


def html_report(summary: Mapping[str, Any], figures: Mapping[str, Sequence[Path]]) -> str:
    """Write the report as one HTML page, with the pictures inside.

    Parameters
    ----------
    summary : mapping
        As :func:`flows.summary.conclude` makes it.
    figures : mapping of str to sequence of Path
        PNG files by stage.
    """
    files = [path for paths in figures.values() for path in paths if path.is_file()]
    with ThreadPoolExecutor() as pool:
        uris = dict(zip(files, pool.map(data_uri, files), strict=True))
    pictures = {
        registry.stage(name).title: [
            (path.stem.replace("_", " "), uris[path]) for path in paths if path in uris
        ]
        for name, paths in figures.items()
    }
    page: str = _template().render(
        summary=summary,
        synthetic=SYNTHETIC if summary["dataset"]["synthetic"] else None,
        tables=tables(summary),
        pictures={title: found for title, found in pictures.items() if found},
    )
    return page
