"""What Prefect's page shows of a finished stage: the few figures that matter, and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prefect.artifacts import create_markdown_artifact

from spikeseg_core.report.document import SCORE_TITLES, SEGMENTATIONS
from spikeseg_core.report.embed import data_uri
from spikeseg_core.stages import table as registry
from tasks.folder import StageRecord, read_record
from tasks.mlflow.headline import energies
from tasks.mlflow.store import Run, store
from tasks.references import StageRef

SCORES = {f"test/{score}": f"{title}, test" for score, title in SCORE_TITLES.items()}
RATES = {
    "spikes/mean_rate_hz": "mean rate, Hz",
    "spikes/share_in_range": "share of neurons in the target range",
}
MAPPING = {
    "mapping/neurons_on_chip": "neurons on chip",
    "mapping/cores": "cores",
    "mapping/chips": "chips",
    "quantize/weight_error": "error of the weights",
    "mapping/messages_per_step": "messages a step",
    "mapping/interchip_messages_per_step": "of which between chips",
}
DATA = {
    "data/train_membrane_fraction": "membrane, training sections",
    "data/validation_membrane_fraction": "membrane, validation sections",
    "data/test_membrane_fraction": "membrane, test sections",
}
FIGURES = SCORES | RATES | MAPPING | DATA
"""The figures that the tables show, in order, and their titles; everything is in MLflow."""


def show_stage(ref: StageRef) -> None:
    """Show a finished stage on the page of the running flow, also if it was reused."""
    record = read_record(ref.folder)
    run_id = ref.mlflow_run_id
    page = store().attempt("give a link", lambda: Run(store(), run_id).page) if run_id else None
    create_markdown_artifact(
        markdown(record, ref.folder, page),
        key=f"stage-{ref.stage}",
        description=f"{registry.stage(ref.stage).title}: figures, picture, and where the rest is",
    )


def markdown(record: StageRecord, folder: Path, page: str | None) -> str:
    """Write title, table, picture and links of a finished stage."""
    rows = list(_rows(record))
    pictures = [folder / name for name in record.outcome.figures if name.endswith(".png")]
    parts = [
        f"**{registry.stage(record.stage).title}**, {record.seconds / 60:.1f} min",
        "\n".join(rows),
        *(f"![{path.stem.replace('_', ' ')}]({data_uri(path)})" for path in pictures[:1]),
        f"MLflow run: {page or 'not logged yet, MLflow did not answer'}",
        f"Files: `{folder}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(record: StageRecord) -> Iterator[str]:
    """Rows of a table with a column per segmentation."""
    if record.stage == "benchmark":
        yield from ("| device | mJ per section | basis |", "|---|---|---|")
        for device, figure in energies(record.outcome.facts.get("figures", ())).items():
            name = device.replace("_", " ")
            yield f"| {name} | {figure['mj_per_section']:.4g} | {figure['basis']} |"
        return
    columns = [tag for tag in (*SEGMENTATIONS, record.stage) if tag in record.outcome.metrics]
    values = [record.outcome.metrics[tag] for tag in columns]
    shown = [name for name in FIGURES if any(each.get(name) is not None for each in values)]
    if shown:
        titles = [SEGMENTATIONS.get(tag, "value") for tag in columns]
        yield f"| | {' | '.join(titles)} |"
        yield f"|---|{'---|' * len(columns)}"
    for name in shown:
        cells = ("–" if each.get(name) is None else f"{each[name]:.4g}" for each in values)
        yield f"| {FIGURES[name]} | {' | '.join(cells)} |"
