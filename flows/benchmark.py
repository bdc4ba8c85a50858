# ruff: noqa: B008 - the settings are frozen, and Prefect reads its form from the defaults.
"""Benchmark a model on this machine again, and report what changed since the last time.

Meant to be scheduled: each run measures the model anew and compares it, figure by figure, with the
last benchmark of the same deployed network on the same machine in MLflow. If other work disturbed
the timing, nothing is compared.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.stages import run_after
from spikeseg_core.config import BenchmarkConfig, StageConfig
from spikeseg_core.config.overrides import shown
from spikeseg_core.config.tolerances import MOVED
from spikeseg_core.report.document import Table, number
from spikeseg_core.report.records import RecordedStage, labelled
from spikeseg_core.report.render import markdown_table, plain_rows
from spikeseg_core.storage import write_json, write_text
from tasks.folder import StageRecord, read_record
from tasks.local.machine import FINGERPRINT, machine_tags
from tasks.lookup import inputs_after
from tasks.mlflow.reader import records
from tasks.mlflow.registered import run_of_model
from tasks.mlflow.store import Run, store
from tasks.run_stage import run_logger

NEWEST = "newest"
SCORES = ("test/pixel_accuracy", "test/v_rand")
"""Scores that are compared: a timed network must still give the same answers."""


class MoveTolerance(StageConfig):
    """How far a figure may move between two benchmarks before it is reported."""

    energy: float = Field(
        MOVED["energy"], ge=0, title="Energy", description="relative change; 0.1 is 10 %"
    )
    time: float = Field(
        MOVED["time"], ge=0, title="Time", description="relative change; 0.1 is 10 %"
    )
    score: float = Field(
        MOVED["score"], ge=0, title="Scores", description="relative change; 0.002 is 0.2 %"
    )


@dataclass(frozen=True)
class Figure:
    """One figure of a benchmark; ``what`` names device, precision, batch and quantity.

    It is ``busy`` if other work disturbed its timing.
    """

    what: str
    kind: Literal["energy", "time", "score"]
    value: float
    unit: str
    basis: str
    busy: bool = False


@dataclass(frozen=True)
class Change:
    """A figure now and in the benchmark before.

    ``ratio`` is now over before; it ``moved`` if that is beyond the tolerance, up or down.
    """

    what: str
    unit: str
    basis: str
    now: float
    before: float
    ratio: float
    moved: bool


@flow(
    name="benchmark",
    flow_run_name=lambda: f"benchmark-{flow_run.parameters.get('model') or NEWEST}",
)
def benchmark(
    model: Annotated[
        str | None,
        shown(
            "Model",
            "registered model (NAME, NAME@ALIAS, NAME/VERSION) or MLflow run id of a deployment or "
            "pipeline; if empty, the newest deployed network",
        ),
    ] = None,
    benchmark: BenchmarkConfig = BenchmarkConfig(),
    tolerance: MoveTolerance = MoveTolerance(),
) -> dict[str, Any]:
    """Measure energy, latency and accuracy of a model here, and compare with the last time."""
    after = None if model is None else run_of_model(model)
    deployment = next(ref for ref in inputs_after("benchmark", after) if ref.stage == "deploy")
    ref = run_after("benchmark", after, again=True, benchmark=benchmark)
    record = read_record(ref.folder)
    deployed = read_record(deployment.folder)
    logger = run_logger()

    def find_previous() -> RecordedStage | None:
        with records() as known:
            found = known.benchmarks(machine_tags()[FINGERPRINT], deployment.key)
        return next(
            (s for s in found if s.run.id != ref.mlflow_run_id and not s.facts.get("busy")), None
        )

    previous = store().attempt("find the previous benchmark", find_previous)
    earlier = StageRecord.model_validate(previous.account) if previous is not None else None
    busy = bool(record.outcome.facts.get("busy"))
    changes = compare(record, earlier, tolerance) if earlier is not None and not busy else []
    result = {
        "model": model or NEWEST,
        "deployment": {"key": deployment.key, "mlflow_run_id": deployment.mlflow_run_id},
        "machine": machine_tags(),
        "busy": busy,
        "load": record.outcome.facts.get("load"),
        "mlflow_run_id": ref.mlflow_run_id,
        "previous_mlflow_run_id": previous.run.id if previous is not None else None,
        "figures": [asdict(figure) for figure in figures(record, deployed)],
        "changes": [asdict(change) for change in changes],
        "tolerance": tolerance.model_dump(),
        "also_changed": also_changed(record, earlier) if earlier is not None else [],
    }
    result["verdict"] = verdict(result)
    warn = busy or any(change.moved for change in changes)
    (logger.warning if warn else logger.info)(result["verdict"])
    if ref.mlflow_run_id is not None:
        run = Run(store(), ref.mlflow_run_id)
        store().attempt("log the comparison", lambda: _log(run, result))
        result["page"] = store().attempt("give a link", lambda: run.page)
    _show(result)
    return result


def figures(record: StageRecord, deployed: StageRecord | None = None) -> list[Figure]:
    """List the figures of a finished benchmark, and the scores of the deployment if given."""
    found = [*_energies(record), *_scores(record.outcome.metrics)]
    return found + (list(_scores(deployed.outcome.metrics)) if deployed is not None else [])


def _energies(record: StageRecord) -> Iterator[Figure]:
    for one in labelled(record.outcome.facts.get("figures", [])):
        if one["basis"] == "published":
            continue
        batch = "online" if one["batch"] == 1 else f"batch {one['batch']}"
        device = f"{one['label']}, {one['precision']}, {batch}"
        energy = f"{device}, {one['component']} energy"
        busy = bool(one.get("busy"))
        yield Figure(energy, "energy", one["mj_per_section"], "mJ per section", one["basis"], busy)
        if one["component"] == "total":
            ms = 1000 * one["seconds_per_section"]
            yield Figure(f"{device}, time", "time", ms, "ms per section", one["time_basis"], busy)


def _scores(metrics: Mapping[str, Mapping[str, float | None]]) -> Iterator[Figure]:
    for tag, values in metrics.items():
        for score in SCORES:
            value = values.get(score)
            if value is not None:
                yield Figure(f"{tag}, {score}", "score", value, "", "measured")


def compare(now: StageRecord, before: StageRecord, tolerance: MoveTolerance) -> list[Change]:
    """Compare the figures that both benchmarks have; the largest changes come first."""
    old = {figure.what: figure for figure in figures(before)}
    changes = []
    for figure in figures(now):
        then = old.get(figure.what)
        if then is None or not then.value:
            continue
        ratio = figure.value / then.value
        allowed = getattr(tolerance, figure.kind)
        basis = figure.basis if figure.basis == then.basis else f"{then.basis}, now {figure.basis}"
        moved = not 1 / (1 + allowed) <= ratio <= 1 + allowed
        changes.append(
            Change(figure.what, figure.unit, basis, figure.value, then.value, ratio, moved)
        )
    return sorted(
        changes, key=lambda change: (not change.moved, -max(change.ratio, 1 / change.ratio))
    )


def also_changed(now: StageRecord, before: StageRecord) -> list[str]:
    """List what else differs between two benchmarks and may explain the changes."""
    found = [] if now.code == before.code else ["the code of the benchmark"]
    settings, old = now.settings["benchmark"], before.settings["benchmark"]
    found += [
        f"benchmark.{name}: {old.get(name)}, now {value}"
        for name, value in settings.items()
        if value != old.get(name)
    ]
    return found + [
        f"{name}: {before.versions[name]}, now {version}"
        for name, version in now.versions.items()
        if before.versions.get(name, version) != version
    ]


def verdict(result: Mapping[str, Any]) -> str:
    """Summarize in one line what moved."""
    model, machine = result["model"], result["machine"][FINGERPRINT]
    if result["busy"]:
        return (
            f"benchmark of {model}: not compared, because machine {machine} was busy with other "
            f"work while it was timed ({result['load']:.0%} of its CPUs just before); the figures "
            f"are marked busy; run it again when the machine is idle, or accept more with "
            f"benchmark.busy_above"
        )
    if result["previous_mlflow_run_id"] is None:
        return (
            f"benchmark of {model} on machine {machine}: MLflow has no earlier one of this "
            f"deployed network on this machine while idle, so there is nothing to compare with"
        )
    before = f"since run {result['previous_mlflow_run_id']} of machine {machine}"
    moved = [change for change in result["changes"] if change["moved"]]
    if not moved:
        return f"benchmark of {model}: nothing moved beyond its tolerance {before}"
    told = "; ".join(f"{change['what']}: {change['ratio']:.3g} x" for change in moved[:5])
    more = f"; and {len(moved) - 5} more" if len(moved) > 5 else ""
    return (
        f"benchmark of {model}: {len(moved)} of {len(result['changes'])} figures moved beyond "
        f"their tolerance {before}: {told}{more}"
    )


def markdown(result: Mapping[str, Any]) -> str:
    """Write the comparison, or only the figures if there is nothing to compare with."""
    allowed = ", ".join(f"{name} {100 * value:g} %" for name, value in result["tolerance"].items())
    lines = [result["verdict"], ""]
    if result["changes"]:
        lines += [f"Tolerances: {allowed}.", ""]
    lines.append(markdown_table(_table(result)))
    if result["also_changed"]:
        lines += ["Also changed:", "", *(f"- {text}" for text in result["also_changed"])]
    return "\n".join(lines) + "\n"


def _table(result: Mapping[str, Any]) -> Table:
    if not result["changes"]:
        rows = [
            [one["what"], one["unit"], number(one["value"]), _basis(one)]
            for one in result["figures"]
        ]
        return Table(["what", "unit", "value", "basis"], rows)
    rows = [
        [
            *(one["what"], one["unit"] or "-", number(one["before"]), number(one["now"])),
            *(f"{one['ratio']:.3f}", one["basis"], "**moved**" if one["moved"] else ""),
        ]
        for one in result["changes"]
    ]
    return Table(["what", "unit", "before", "now", "ratio", "basis", "moved"], rows)


def _basis(figure: Mapping[str, Any]) -> str:
    return f"{figure['basis']}, **busy**" if figure["busy"] else str(figure["basis"])


def _log(run: Run, result: Mapping[str, Any]) -> None:
    """Add the comparison to the benchmark's MLflow run."""
    moved = [change for change in result["changes"] if change["moved"]]
    run.tags(
        {
            "benchmark.model": result["model"],
            "benchmark.previous": result["previous_mlflow_run_id"] or "none",
            "benchmark.moved": "not compared" if result["busy"] else str(len(moved)),
            "benchmark.busy": str(result["busy"]).lower(),
            "mlflow.note.content": markdown(result)[:8000],
        }
    )
    now = time.time()
    if not result["busy"]:
        run.metrics([("moved/figures", float(len(moved)), 0, now)])
    run.metrics(
        (f"moved/{_metric(change['what'])}", change["ratio"], 0, now)
        for change in result["changes"]
    )
    with TemporaryDirectory() as temporary:
        write_json(Path(temporary) / "moved.json", result)
        write_text(Path(temporary) / "moved.md", markdown(result))
        for path in sorted(Path(temporary).iterdir()):
            run.artifact(path)


def _metric(what: str) -> str:
    """Name of a figure that MLflow accepts."""
    return what.replace(", ", "/").replace("test/", "")


def _show(result: Mapping[str, Any]) -> None:
    page = result.get("page") or "none, MLflow did not answer"
    create_markdown_artifact(f"MLflow run: {page}\n\n{markdown(result)}", key="benchmark")
    if result["changes"]:
        create_table_artifact(
            plain_rows(_table(result)), key="benchmark-moved", description=result["verdict"]
        )
