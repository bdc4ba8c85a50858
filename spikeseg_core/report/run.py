"""The report of one pipeline run: a summary of its stages' results, and a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.headline import Headline, headline
from spikeseg_core.evaluation.accounting import blame, loss_table
from spikeseg_core.report import tables
from spikeseg_core.report.captions import Gallery
from spikeseg_core.report.document import (
    SCORE_TITLES,
    SEGMENTATIONS,
    SYNTHETIC,
    Document,
    Section,
    Table,
    in_words,
    name_of_data,
    number,
)
from spikeseg_core.report.glossary import glossary
from spikeseg_core.report.records import RecordedStage, labelled
from spikeseg_core.report.stated import significant


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
            "tolerance": dict(tolerance),
        },
        "mapping": {
            **facts.get("quantize", {}),
            **facts.get("partition", {}),
            "metrics": {**metrics.get("quantize", {}), **metrics.get("partition", {})},
        },
        "energy": {**facts.get("benchmark", {}), "metrics": metrics.get("benchmark", {})},
        "minutes": {name: stage.account["seconds"] / 60 for name, stage in stages.items()},
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "reused": [name for name, one in stages.items() if one.account["started"] < started],
    }


def run_report(summary: Mapping[str, Any], pictures: Mapping[str, Sequence[Path]]) -> Document:
    """Make the full report of a run: what came out first, details folded.

    Parameters
    ----------
    summary : mapping
        From :func:`summarize`, with ``preset``, ``config``, ``mlflow`` and ``prefect``.
    pictures : mapping of str to sequence of Path
        PNG files by stage, and of the whole run as ``run``; missing files are skipped.
    """
    gallery = Gallery(pictures)
    parts = [
        Section(
            "What came out", answer=sentences(summary), pictures=gallery.take("run", "overview")
        ),
        _accuracy(summary, gallery),
        _mapping(summary, gallery),
        _energy(summary, gallery),
        _time(summary, gallery),
    ]
    return _document(summary, [part for part in parts if _says_something(part)])


def short_report(summary: Mapping[str, Any]) -> Document:
    """Make the report of a run for the terminal: the results without published figures."""
    found = tables.results(summary, published=False)
    sections = [Section(title, tables=[table]) for title, table in found.items() if table.rows]
    return _document(summary, sections, summary["losses"]["warnings"])


def _document(
    summary: Mapping[str, Any], sections: Sequence[Section], notes: Sequence[str] = ()
) -> Document:
    dataset = summary["dataset"]
    return Document(
        title=f"A segmentation U-Net as spikes: {summary['preset']}, {name_of_data(dataset)}",
        subtitle=_subtitle(summary),
        sections=sections,
        warning=SYNTHETIC if dataset["synthetic"] else "",
        notes=notes,
        stated=False,
    )


def _subtitle(summary: Mapping[str, Any]) -> str:
    config = summary["config"]
    folds = config["dataset"]["folds"]
    parts = [
        f"SpikeSeg, preset {summary['preset']}",
        f"fold {config['dataset']['fold'] + 1} of {folds}" if folds > 1 else "",
        f"seed {config['train']['seed']}",
        f"{datetime.fromisoformat(summary['started']):%Y-%m-%d %H:%M} UTC",
        name_of_data(summary["dataset"], 2),
        tables.split_in_words(summary["dataset"]),
    ]
    return "; ".join(part for part in parts if part)


def _says_something(part: Section) -> bool:
    tables = any(table.rows for table in part.tables)
    return bool(part.answer or part.points or part.pictures or part.details or tables)


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say in a few sentences how accurate, how large and how economical the network is."""
    return [
        said
        for said in (
            _how_accurate(summary),
            _how_large(summary["mapping"], summary["stages"].get("loihi", {})),
            _how_economical(summary["energy"]),
        )
        if said
    ]


def _how_accurate(summary: Mapping[str, Any]) -> str:
    scores = ("test/v_rand", "test/pixel_accuracy")
    found = [
        summary["stages"].get(tag, {}).get(score) for tag in ("ann", "loihi") for score in scores
    ]
    if None in found:
        return ""
    ann, chip = (
        "a V_Rand of {:.3f} and a pixel accuracy of {:.3f}".format(*found[i : i + 2])
        for i in (0, 2)
    )
    beyond = [_title_of(warning) for warning in summary["losses"]["warnings"]]
    verdict = (
        f"more is lost than tolerated in {in_words(beyond)}"
        if beyond
        else "nothing is lost beyond the tolerances"
    )
    return f"On the test sections the ANN reaches {ann}, the emulated chip {chip}: {verdict}."


def _how_large(mapping: Mapping[str, Any], loihi: Mapping[str, Any]) -> str:
    if "cores" not in mapping:
        return ""
    neurons = number(mapping.get("neurons_on_chip"))
    chips = mapping.get("chips", 1)
    where = (
        f"{number(mapping['cores'])} cores on {number(chips)} {'chip' if chips == 1 else 'chips'}"
    )
    rate = loihi.get("spikes/mean_rate_hz")
    fire = f" and fire at {rate:.0f} Hz on average" if rate is not None else ""
    return f"The network's {neurons} spiking neurons on chip take {where}{fire}."


def _how_economical(energy: Mapping[str, Any]) -> str:
    figures = [EnergyFigure.from_json(one) for one in labelled(energy.get("figures", []))]
    found = headline(figures, "deployed")
    if found is None:
        return ""
    mj = significant(found.loihi.mj_per_section)
    loihi = (
        f"As deployed, a section takes {mj} mJ on Loihi{_with_host(found)} ({found.loihi.basis})"
    )
    if found.busy:
        return (
            f"{loihi}; other work kept this machine busy while the CPU was timed, so the two are "
            f"not compared: run `spikeseg benchmark` when it is idle."
        )
    return (
        f"{loihi}; the best int8 CPU takes {significant(found.cpu.mj_per_section)} mJ "
        f"({found.cpu.basis}), {_times(found)}."
        f"{_at_the_operating_point(headline(figures, 'operating point'), energy['metrics'])}"
    )


def _at_the_operating_point(found: Headline | None, metrics: Mapping[str, float]) -> str:
    """Say how much less a shorter presentation takes, and at which accuracy."""
    accuracy = metrics.get("operating_point/test/pixel_accuracy")
    if found is None or accuracy is None:
        return ""
    return (
        f" At the operating point, chosen on validation, it takes "
        f"{significant(found.loihi.mj_per_section)} mJ{_with_host(found)}; the CPU takes "
        f"{_times(found)}. Pixel accuracy is {accuracy:.3f} "
        f"there."
    )


def _with_host(found: Headline) -> str:
    host = found.with_host
    return f", {significant(host.mj_per_section)} mJ with the host's part" if host else ""


def _times(found: Headline) -> str:
    """Say how many times Loihi's energy the CPU takes, without and with the host's part."""
    hosted = found.ratio_with_host
    charged = f", {significant(hosted, 2)} times with the host's part" if hosted else ""
    return f"{significant(found.ratio, 2)} times as much{charged}"


def _accuracy(summary: Mapping[str, Any], gallery: Gallery) -> Section:
    networks = [
        *gallery.take("deploy", "sections_loihi"),
        *gallery.take("train", "sections_ann"),
        *gallery.take("tune", "sections_ann_loihi_curve", "sections_rate_tuned"),
        *gallery.take("convert", "sections_snn_rate", "sections_snn_spiking"),
    ]
    curves = [*gallery.take("train", "training"), *gallery.take("tune", "tuning")]
    rates = [
        *gallery.take("deploy", "rates"),
        *gallery.take("tune", "rates_rate_tuned", "rates_ann_loihi_curve"),
        *gallery.take("convert", "rates"),
    ]
    return Section(
        "Accuracy on the test sections",
        tables=_filled(tables.accuracy(summary["stages"])),
        pictures=gallery.take("run", "waterfall"),
        points=[_in_words(warning) for warning in summary["losses"]["warnings"]],
        details=_parts(
            Section("Change by each step", tables=_filled(tables.losses(summary["losses"]))),
            Section("One section by every network", pictures=networks),
            Section("Training and tuning", pictures=curves),
            Section("Spike rates by layer", pictures=rates),
        ),
    )


def _in_words(warning: str) -> str:
    """Replace the name of a score, which begins the sentence."""
    title, rest = _title_of(warning), warning.split(" ", 1)[1]
    return f"{title[:1].upper()}{title[1:]} {rest}."


def _title_of(warning: str) -> str:
    """Name the score that a warning is about."""
    name = warning.split(" ", 1)[0]
    return SCORE_TITLES.get(name, name)


def _mapping(summary: Mapping[str, Any], gallery: Gallery) -> Section:
    mesh = gallery.take("partition", "mesh", "chip_traffic")
    return Section(
        "Cores and chips",
        tables=_filled(tables.mapping(summary["mapping"])),
        pictures=gallery.take("partition", "layers"),
        details=_parts(Section("Traffic on the mesh", pictures=mesh)),
    )


def _energy(summary: Mapping[str, Any], gallery: Gallery) -> Section:
    figures = summary["energy"].get("figures", [])
    points = gallery.take("benchmark", "operating_points", "anytime")
    unknowns = gallery.take("benchmark", "tornado")
    if summary["energy"].get("busy"):
        unknowns = []  # there is no ratio that they could change
    return Section(
        "Energy per section, mJ",
        tables=_filled(tables.energy(figures, main=True)),
        pictures=gallery.take("benchmark", "energy"),
        details=_parts(
            Section("Every device and batch size", tables=_filled(tables.energy(figures))),
            Section("What the ratio depends on", pictures=unknowns),
            Section("Other ways of presenting the tiles", pictures=points),
        ),
    )


def _time(summary: Mapping[str, Any], gallery: Gallery) -> Section:
    labelled_sections = gallery.take("prepare", "sections")
    data = Section(
        "Data", tables=_filled(tables.data(summary["dataset"])), pictures=labelled_sections
    )
    return Section(
        "Time",
        tables=_filled(tables.minutes(summary)),
        details=_parts(
            *gallery.rest(),
            data,
            glossary(),
            Section("Settings", tables=[tables.settings(summary["config"])]),
            Section("Where this is recorded", answer=_recorded(summary)),
        ),
    )


def _parts(*parts: Section) -> list[Section]:
    return [part for part in parts if _says_something(part)]


def _filled(table: Table) -> list[Table]:
    return [table] if table.rows else []


def _recorded(summary: Mapping[str, Any]) -> list[str]:
    mlflow, prefect = summary["mlflow"], summary["prefect"]
    found = [
        f"MLflow run: {mlflow['run_id']} in {mlflow['tracking_uri']}, experiment "
        f"{mlflow['experiment']}"
    ]
    if page := prefect["url"] or prefect["flow_run_id"]:
        found.append(f"Prefect run: {page}")
    return found
