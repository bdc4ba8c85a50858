"""Access to MLflow's store in which a failure never stops the work."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.local import state
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
INPUT_TAG = "input."
"""Followed by the name of a stage: the key of that stage, from which this one was made."""
RUN_TAG = "run."
"""Followed by the name of a stage: the run of that stage, which belongs to this pipeline."""

MOST_METRICS = 1000
"""MLflow's limit of metrics per call."""
MOST_PARAMS = 100
"""MLflow's limit of settings or tags per call."""

ABOUT = {
    "mlflow.note.content": "A segmentation U-Net on its way from TensorFlow to spikes on Loihi: a "
    "run per pipeline, with a child run per stage. All segmentations have the same metrics; the "
    "tag `stage` (ann, rate_tuned, snn_rate, snn_spiking, loihi) distinguishes them, and the tag "
    "`synthetic` marks synthetic sections.",
    # Makes MLflow's page show training runs, not traces of language models.
    "mlflow.experimentKind": "custom_model_development",
}
"""Description and tags of the experiment."""

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

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client for this store."""
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.uri)

    @property
    def experiment(self) -> str:
        """Id of the experiment, which is created if it is missing."""
        if self._experiment is None:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or state.EXPERIMENT
            found = self.client.get_experiment_by_name(name)
            if found is not None:
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
        everything = dict(tags) | ({PARENT_TAG: parent} if parent else {})
        run = at.client.create_run(at.experiment, run_name=name, tags=everything)
        return cls(at, run.info.run_id)

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

    def metrics(self, points: Iterable[Point]) -> None:
        """Log points, except those without a value."""
        from mlflow.entities import Metric

        batch = [
            Metric(name, value, int(when * 1000), step)
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
        """Log the dataset as the run's input."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {"source": str(facts.get("source")), "note": str(facts.get("note", ""))}
        context = "synthetic" if facts.get("synthetic") else "real"
        data = Dataset(
            name=str(facts.get("source", "sections")),
            digest=str(facts.get("sha256", "unknown"))[:36],
            source_type="local",
            source=json.dumps(source),
            profile=json.dumps({k: v for k, v in facts.items() if not isinstance(v, list)})[:16000],
        )
        tags = [InputTag("mlflow.data.context", context)]
        self.store.client.log_inputs(self.id, [DatasetInput(data, tags)])

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file."""
        self.store.client.log_artifact(self.id, str(path), folder)

    def end(self, status: str = "FINISHED") -> None:
        """End the run with a status."""
        self.store.client.set_terminated(self.id, status)
