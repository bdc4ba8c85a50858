"""Runs side by side: what MLflow has of their settings, data, code and results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.mlflow.store import Store, store
from tasks.mlflow.tracking import KEY_TAG, SEGMENTATION_TAG, STAGE_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

DATA_TAGS = ("dataset.source", "dataset.sha256", "synthetic")
CODE_TAGS = ("spikeseg.version", "git.commit", "git.dirty")
SHORTEST_ID = 6
"""Characters of a run id that may stand for it."""

MOST_RUNS = 200


@dataclass(frozen=True)
class ComparedRun:
    """One run, with everything that is compared.

    Attributes
    ----------
    id, name : str
        Its MLflow run id and name.
    about : mapping of str to str
        What it is: kind, state, when it started.
    settings : mapping of str to str
        Its settings by dotted name.
    data, code : mapping of str to str
        What the sections were, and which code and packages ran.
    metrics : mapping of str to float
        ``<segmentation or stage>/<metric>``, of the stages below it too.
    """

    id: str
    name: str
    about: Mapping[str, str]
    settings: Mapping[str, str]
    data: Mapping[str, str]
    code: Mapping[str, str]
    metrics: Mapping[str, float]


def compared_runs(names: Sequence[str], newest: int = 2) -> list[ComparedRun]:
    """Find runs in MLflow.

    Parameters
    ----------
    names : sequence of str
        Run ids, the first characters of such, or the names that MLflow's page shows (of several
        runs with the same name the newest); none: the newest pipelines.
    newest : int
        How many of those.

    Raises
    ------
    ConfigError
        If a run does not exist, or the beginning of an id means several.
    """
    at = store()
    found = [_named(at, name) for name in names] if names else _newest(at, newest)
    if len(found) < 2:
        raise ConfigError(
            f"{len(found)} run at {at.uri} to compare; name two or more by run id or name, or run "
            f"the pipeline again with other settings first"
        )
    return [_compared(at, run) for run in found]


def _newest(at: Store, count: int) -> list[MlflowRun]:
    """Newest finished pipelines, the oldest of them first."""
    query = f"tags.`{STAGE_TAG}` = 'pipeline' and attributes.status = 'FINISHED'"
    return _search(at, query, count)[::-1]


def _search(at: Store, query: str, count: int = MOST_RUNS) -> list[MlflowRun]:
    order = ["attributes.start_time DESC"]
    return list(at.client.search_runs([at.experiment], query, order_by=order, max_results=count))


def _named(at: Store, name: str) -> MlflowRun:
    quoted = name.replace("'", "")
    if found := _search(at, f"attributes.run_name = '{quoted}'", 1):
        return found[0]
    if re.fullmatch(rf"[0-9a-f]{{{SHORTEST_ID},32}}", name):
        found = _search(at, f"attributes.run_id LIKE '{name}%'", 2) if len(name) < 32 else []
        if len(found) > 1:
            raise ConfigError(f"several runs at {at.uri} begin with {name!r}; give more of the id")
        if found:
            return found[0]
        try:
            return at.client.get_run(name)
        except Exception as error:  # each kind of store has its own for a run that is not there
            raise ConfigError(_missing(at, name)) from error
    raise ConfigError(_missing(at, name))


def _missing(at: Store, name: str) -> str:
    return (
        f"there is no run {name!r} at {at.uri}; take its id or name from the end of a run or from "
        f"MLflow's page"
    )


def _compared(at: Store, run: MlflowRun) -> ComparedRun:
    tags = run.data.tags
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    versions = {name: tags[name] for name in sorted(tags) if name.startswith("version.")}
    return ComparedRun(
        id=run.info.run_id,
        name=str(run.info.run_name),
        about={
            "kind": tags.get(STAGE_TAG, "?"),
            "state": run.info.status.lower(),
            "started": f"{started:%Y-%m-%d %H:%M} UTC",
        },
        settings=dict(run.data.params),
        data={name: tags.get(name, "?") for name in DATA_TAGS},
        code={name: tags.get(name, "?") for name in CODE_TAGS} | versions,
        metrics=dict(_metrics(at, run)),
    )


def _metrics(at: Store, run: MlflowRun) -> Iterator[tuple[str, float]]:
    """Metrics of the run and of the stages it is made of, each under what segmented."""
    stage = run.data.tags.get(STAGE_TAG)
    stages = [run.data.tags.get(f"run.{name}") for name in registry.STAGES]
    if stage in registry.STAGES:
        yield from _of_stage(at, run)
    elif stage == "pipeline":
        for run_id in filter(None, stages):
            yield from _of_stage(at, at.client.get_run(run_id))
    else:
        yield from run.data.metrics.items()


def _of_stage(at: Store, run: MlflowRun) -> Iterator[tuple[str, float]]:
    """Metrics of a stage's run and, where it segmented more than once, of those beside it."""
    tags = run.data.tags
    beside = []
    if KEY_TAG in tags:
        beside = _search(
            at,
            f"tags.`{KEY_TAG}` = '{tags[KEY_TAG]}' and tags.`{STAGE_TAG}` = '{tags[STAGE_TAG]}'",
        )
    # The run itself comes last: what it says counts.
    for each in [*(other for other in beside if other.info.run_id != run.info.run_id), run]:
        tag = each.data.tags.get(SEGMENTATION_TAG, "")
        yield from ((f"{tag}/{name}", value) for name, value in each.data.metrics.items())


def differing(
    runs: Sequence[ComparedRun], part: Callable[[ComparedRun], Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Give what differs between the runs, of one part of them.

    Returns
    -------
    dict of str to list
        By name, the values in the runs' order; None where a run has none.
    """
    names = dict.fromkeys(name for run in runs for name in part(run))
    rows = {name: [part(run).get(name) for run in runs] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}
