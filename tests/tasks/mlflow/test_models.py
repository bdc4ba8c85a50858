"""Models loaded from MLflow predict exactly the same as those that were logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from spikeseg_core.inference.segmenter import load_segmenter
from spikeseg_core.stages.table import ModelKind
from tasks.folder import Outcome, StageRecord, write_record
from tasks.local import state
from tasks.mlflow import models, tracking
from tasks.mlflow.store import Run, store
from tests.tasks.mlflow.finished import finished_stages

KINDS: dict[str, ModelKind] = {"train": "ann", "deploy": "integer"}
MADE_BY: dict[ModelKind, str] = {"ann": "train", "rate_tuned": "tune", "integer": "deploy"}


@pytest.fixture
def records(home: Path) -> dict[str, StageRecord]:
    return finished_stages()


def load(run: Run) -> Any:
    import mlflow

    run_info = run.store.client.get_run(run.id)
    (model,) = run_info.outputs.model_outputs
    location = run.store.client.get_logged_model(model.model_id).artifact_location
    return mlflow.pyfunc.load_model(location)


@pytest.mark.parametrize("kind", MADE_BY)
def test_a_loaded_model_predicts_what_was_logged(
    kind: ModelKind, records: dict[str, StageRecord], tmp_path: Path
) -> None:
    record = records[MADE_BY[kind]]
    run = Run.create(store(), record.stage, {}, None)
    models.log(kind, record, run.id, run.store.uri)

    models.gather(kind, record, tmp_path / "segmenter")
    sections = np.random.default_rng(1).integers(0, 256, (2, 24, 30), dtype=np.uint8)
    expected = load_segmenter(tmp_path / "segmenter")(sections)
    assert expected.shape == sections.shape
    assert expected.dtype == np.float32
    assert 0 <= expected.min() < expected.max() <= 1

    loaded = load(run)
    assert loaded.metadata.metadata["kind"] == kind
    np.testing.assert_array_equal(loaded.predict(sections), expected)
    example = np.asarray(loaded.input_example["sections"])
    assert example.shape == (1, 128, 128)
    assert loaded.predict(example).shape == example.shape
    assert 0 < load_segmenter(tmp_path / "segmenter").known.membrane < 1
    assert loaded.metadata.metadata["input"] == "whole numbers, uint8 (sections, rows, columns)"
    with pytest.raises(MlflowException, match=r"^numbers with a decimal point found, from"):
        loaded.predict(sections[0].astype(np.float64))


def test_logging_does_not_load_the_model(
    records: dict[str, StageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.pyfunc.load_model", lambda *_, **__: pytest.fail("loaded"))
    run = Run.create(store(), "train", {}, None)
    models.log("ann", records["train"], run.id, run.store.uri)
    (logged,) = run.store.client.get_run(run.id).outputs.model_outputs
    model = run.store.client.get_logged_model(logged.model_id)
    assert model.experiment_id == run.store.experiment
    artifacts = Path(url2pathname(urlparse(model.artifact_location).path))
    assert 20_000 < (artifacts / "input_example.json").stat().st_size < 200_000


def test_a_stage_that_is_gone_is_named(records: dict[str, StageRecord], tmp_path: Path) -> None:
    (state.current().stage_folder("tune", records["tune"].key) / "stage.json").unlink()
    with pytest.raises(Exception, match="needs the folder of stage 'tune', which is gone"):
        models.gather("integer", records["deploy"], tmp_path)


def test_models_are_found_by_their_scores(records: dict[str, StageRecord]) -> None:
    client, found = store().client, {}
    prepared = records["prepare"].model_copy(
        update={"outcome": Outcome(facts={"source": "synthetic", "synthetic": True})}
    )
    write_record(state.current().stage_folder("prepare", prepared.key), prepared)
    for name, score in (("train", 0.91), ("deploy", 0.89)):
        scored = {models.SCORED_AS[KINDS[name]]: {"test/v_rand": score}}
        record = records[name].model_copy(update={"outcome": Outcome(metrics=scored)})
        folder = state.current().stage_folder(name, record.key)
        write_record(folder, record)
        found[name] = tracking.complete_stage(folder)

    assert None not in found.values()

    def sources(query: str, dataset: str) -> list[str | None]:
        models_found = client.search_logged_models(
            [store().experiment], query, datasets=[{"dataset_name": dataset}]
        )
        return [model.source_run_id for model in models_found]

    assert sources("metrics.`test/v_rand` > 0.9", "synthetic") == [found["train"]]
    assert set(sources("metrics.`test/v_rand` > 0.8", "synthetic")) == set(found.values())
    assert sources("metrics.`test/v_rand` > 0.8", "ISBI 2012") == []
