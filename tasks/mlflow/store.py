"""Access to MLflow's store in which a failure never stops the work."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.local import state
from tasks.mlflow.experiment import ABOUT, missing
from tasks.mlflow.pages import run_link

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger("prefect.spikeseg")
T = TypeVar("T")

# Tags that say what a run is.
PARENT_TAG = "mlflow.parentRunId"
KEY_TAG = "spikeseg.key"
STAGE_TAG = "spikeseg.stage"
SEGMENTATION_TAG = "stage"
BENCH_TAG = "bench"
"""Which ``spikeseg bench`` a run holds the result of."""
INPUTS_TAG = "spikeseg.inputs"
"""Keys of the stages from which this one was made, by name, as JSON."""
RUNS_TAG = "spikeseg.runs"
"""Runs of the stages that belong to this pipeline or point of a sweep, by name, as JSON."""

MOST_RUNS = 1000
"""Runs that one query returns."""
MOST_METRICS = 1000
"""MLflow's limit of metrics per call."""
MOST_PARAMS = 100
"""MLflow's limit of settings or tags per call."""
DIGEST_DIGITS = 8
"""Of a dataset's sha256, as MLflow shows it after the name."""

SECONDS_TO_REST = 60.0
"""How long a store is not asked again after a failure."""

Point = tuple[str, float | None, int, float]
"""One point of a curve: name, value, step, seconds since 1970."""


class Store:
    """An MLflow store that may fail; only the first failure is reported."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._failed_at: float | None = None
        self._warned = False
        self._experiment: str | None = None
        self._described = False

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client for this store."""
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.uri)

    @property
    def experiment(self) -> str:
        """Id of the experiment, which is created if it is missing, or restored if deleted."""
        if self._experiment is None:
            name = state.experiment()
            found = self.client.get_experiment_by_name(name)
            if found is not None:
                if found.lifecycle_stage == "deleted":
                    self._restore(found.experiment_id)
                self._experiment = found.experiment_id
            else:
                here = state.current()
                local = self.uri == here.mlflow_database
                self._experiment = self.client.create_experiment(
                    name,
                    artifact_location=here.mlflow_artifacts.as_uri() if local else None,
                    tags=ABOUT,
                )
        return self._experiment

    def _restore(self, experiment: str) -> None:
        """Restore a deleted experiment without its runs: its name is taken until `mlflow gc`."""
        log.warning(
            "the MLflow experiment was deleted; it is used again, its old runs stay deleted"
        )
        self.client.restore_experiment(experiment)
        while runs := self.client.search_runs([experiment], max_results=MOST_RUNS):
            for run in runs:
                self.client.delete_run(run.info.run_id)

    def new_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Start a run and return its id; the experiment may have been deleted meanwhile."""
        from mlflow.exceptions import MlflowException

        try:
            made = self.client.create_run(self.experiment, run_name=name, tags=dict(tags))
        except MlflowException:
            self._experiment = None
            made = self.client.create_run(self.experiment, run_name=name, tags=dict(tags))
        self._describe()
        return str(made.info.run_id)

    def _describe(self) -> None:
        """Give an experiment of an earlier version what it lacks, such as the view of its page."""
        if self._described:
            return
        self._described = True
        with suppress(Exception):  # the run is there, and counts for more
            known = dict(self.client.get_experiment(self.experiment).tags)
            for key, value in missing(known).items():
                self.client.set_experiment_tag(self.experiment, key, value)

    @property
    def rests(self) -> bool:
        """Whether it failed recently and is not asked for a while."""
        return self._failed_at is not None

    def attempt(self, what: str, action: Callable[[], T]) -> T | None:
        """Return the action's result, or None if MLflow fails or failed recently."""
        if self.rests:
            return None
        try:
            return action()
        except Exception as error:
            self._failed_at = time.monotonic()
            if not self._warned:
                self._warned = True
                first_line = (str(error).splitlines() or [""])[0]
                log.warning(
                    "MLflow at %s failed to %s (%s: %.200s). The work goes on; everything is "
                    "stored in %s and logged when MLflow answers again.",
                    *(self.uri, what, type(error).__name__, first_line, state.current().stages),
                )
            return None

    def try_again(self, seconds: float = SECONDS_TO_REST) -> None:
        """Allow another attempt if the last failure is this long ago; each may take seconds."""
        if self._failed_at is not None and time.monotonic() - self._failed_at >= seconds:
            self._failed_at = None


def dataset_digest(facts: Mapping[str, Any]) -> str:
    """Beginning of a dataset's sha256, which MLflow shows after its name."""
    return str(facts.get("sha256", "unknown"))[:DIGEST_DIGITS]


def by_stage(tags: Mapping[str, str], name: str) -> dict[str, str]:
    """Read :data:`INPUTS_TAG` or :data:`RUNS_TAG`; empty if a run has none."""
    return dict(json.loads(tags.get(name) or "{}"))


@cache
def _store(uri: str) -> Store:
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return Store(uri)


def store() -> Store:
    """Return the store in use."""
    return _store(state.tracking_uri())


class Run:
    """One run in the store."""

    def __init__(self, at: Store, run_id: str) -> None:
        self.store = at
        self.id = run_id

    @classmethod
    def create(cls, at: Store, name: str, tags: Mapping[str, str], parent: str | None) -> Run:
        """Start a run."""
        return cls(at, at.new_run(name, dict(tags) | ({PARENT_TAG: parent} if parent else {})))

    @property
    def exists(self) -> bool:
        """Whether the store has it, and it was not deleted; raises what the store raises."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.store.client.get_run(self.id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return str(found.info.lifecycle_stage) == "active"

    @property
    def page(self) -> str:
        """Link to the run's page in Markdown; without a server, its id and store."""
        return run_link(self.store.uri, self.store.experiment, self.id)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log settings."""
        from mlflow.entities import Param

        params = [Param(name, str(value)[:6000]) for name, value in values.items()]
        for start in range(0, len(params), MOST_PARAMS):
            self.store.client.log_batch(self.id, params=params[start : start + MOST_PARAMS])

    def metrics(self, points: Iterable[Point], **of: str) -> None:
        """Log points, except those without a value.

        ``of`` names the model (``model_id``) and the dataset (``dataset_name``,
        ``dataset_digest``) that they are scores of.
        """
        from mlflow.entities import Metric

        batch = [
            Metric(name, value, int(when * 1000), step, **of)
            for name, value, step, when in points
            if value is not None
        ]
        for start in range(0, len(batch), MOST_METRICS):
            self.store.client.log_batch(self.id, metrics=batch[start : start + MOST_METRICS])

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        self.store.client.log_batch(self.id, tags=[RunTag(n, v) for n, v in values.items()])

    def dataset(self, facts: Mapping[str, Any]) -> None:
        """Log the dataset as the run's input, with the facts of its preparation."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(
            name=str(facts["name"]),
            digest=dataset_digest(facts),
            source_type="local",
            source=json.dumps({"uri": facts["location"], "note": str(facts.get("note", ""))}),
            profile=json.dumps({k: v for k, v in facts.items() if not isinstance(v, list)})[:16000],
        )
        context = "synthetic" if facts.get("synthetic") else "real"
        tags = [InputTag("mlflow.data.context", context)]
        self.store.client.log_inputs(self.id, [DatasetInput(data, tags)])

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file."""
        self.store.client.log_artifact(self.id, str(path), folder)

    def json(self, name: str, content: Mapping[str, Any]) -> None:
        """Log a JSON file."""
        self.store.client.log_dict(self.id, dict(content), name)

    def picture(self, path: Path, name: str) -> None:
        """Log a picture, which MLflow shows next to the pictures of that name of other runs."""
        from PIL import Image

        with Image.open(path) as image:
            self.store.client.log_image(self.id, image.convert("RGB"), key=name, step=0)

    def rename(self, name: str) -> None:
        """Give the run another name."""
        self.store.client.update_run(self.id, name=name)

    def end(self, status: str = "FINISHED") -> None:
        """End the run with a status."""
        self.store.client.set_terminated(self.id, status)
