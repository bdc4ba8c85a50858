"""MLflow's own scoring server gives what `spikeseg segment` does, or says what to send instead."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pytest
import tifffile
from mlflow.pyfunc import scoring_server

from spikeseg_core.inference import payload
from spikeseg_core.inference.files import segment_files
from spikeseg_core.inference.job import plan
from spikeseg_core.inference.segmenter import Segmenter, load_segmenter
from spikeseg_core.stages.table import ModelKind
from tasks.mlflow import models
from tasks.mlflow.store import Run, store
from tests.tasks.mlflow.finished import finished_stages

MADE_BY: dict[ModelKind, str] = {"ann": "train", "integer": "deploy"}


@dataclass(frozen=True)
class Served:
    """A logged model behind MLflow's server, and the same network without it."""

    app: Any
    segmenter: Segmenter

    def post(self, content: str | bytes, kind: str = "application/json") -> tuple[int, str]:
        async def posted() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.post(
                    "/invocations", content=content, headers={"content-type": kind}, timeout=None
                )

        answer = asyncio.run(posted())
        return answer.status_code, answer.text


@pytest.fixture(scope="module", params=MADE_BY)
def served(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mlflow_database: Path,
) -> Iterator[Served]:
    kind: ModelKind = request.param
    home = tmp_path_factory.mktemp("served")
    shutil.copy(mlflow_database, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKESEG_HOME", str(home))
        patch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "false")
        record = finished_stages()[MADE_BY[kind]]
        run = Run.create(store(), record.stage, {}, None)
        model = run.store.client.get_logged_model(models.log(kind, record, run.id, run.store.uri))
        app = scoring_server.init(mlflow.pyfunc.load_model(model.artifact_location))
        models.gather(kind, record, home / "segmenter")
        yield Served(app, load_segmenter(home / "segmenter"))


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_a_good_payload_gives_the_probability_that_segment_writes(
    served: Served, key: str, tmp_path: Path
) -> None:
    sections = np.random.default_rng(1).integers(0, 256, (2, 24, 30), dtype=np.uint8)
    status, text = served.post(json.dumps({key: sections.tolist()}))
    assert status == 200, text
    found = np.array(json.loads(text)["predictions"], np.float32)

    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", sections)
    job = plan(tmp_path / "in", tmp_path / "out")
    segment_files(job, served.segmenter, 0.5, "")
    expected = tifffile.imread(tmp_path / "out" / "probability" / "a.tif")
    np.testing.assert_array_equal(found, expected)
    mask = tifffile.imread(tmp_path / "out" / "mask" / "a.tif")
    np.testing.assert_array_equal(np.where(found >= 0.5, 255, 0), mask)
    assert 0 < mask.mean() < 255


def inputs(sections: Any) -> str:
    return json.dumps({"inputs": sections})


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "16 bits": (inputs([[[0, 40_000]]]), "the values are from 0 to 40000; this model takes"),
    "negative": (inputs([[[-1, 3]]]), "the values are from -1 to 3"),
    "floats in [0, 1]": (inputs([[[0.0, 0.9]]]), "decimal point found, from 0 to 0.9"),
    "NaN": (inputs([[[1, float("nan")]]]), "1 values are NaN or infinite"),
    "booleans": (inputs([[[True, False]]]), "booleans found"),
    "strings": (inputs([[["1", "2"]]]), "strings found"),
    "base64": (inputs("iVBORw0KGgo="), "strings found"),
    "nulls": (inputs([[[None, 1]]]), "nulls found"),
    "nothing at all": (inputs(None), "nulls found"),
    "one section": (inputs([[1, 2], [3, 4]]), "the shape is (2, 2), but (sections, rows, col"),
    "channels": (inputs([[[[1], [2]]]]), "the shape is (1, 1, 2, 1)"),
    "an integer of 400 digits": (inputs([[[10**399, 1]]]), "the values are from 1 to 1000"),
    "one boolean": (inputs([[[1, True]]]), "booleans found"),
    "one row deeper": (inputs([[[1, [2]]]]), "have different lengths (those of the first 3 levels"),
    "objects": (inputs([[{"grey": 1}]]), "objects found"),
    "sections of two sizes": (inputs([[[1, 2]], [[1], [2]]]), "have different lengths"),
    "900 levels": (b'{"inputs": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}", "valid JSON"),
    "gzip": (gzip.compress(inputs([[[1, 2]]]).encode()), "valid JSON"),
    "Latin-1": ('{"inputs": [[["é"]]]}'.encode("latin-1"), "valid JSON"),
    "rows with another name": (
        json.dumps({"instances": [{"image": [[1, 2]]}]}),
        "missing inputs ['sections']",
    ),
    "a number": (inputs(3), "the shape is ()"),
    "ragged rows": (inputs([[[1, 2], [3]]]), "rows or sections have different lengths"),
    "empty": (inputs([]), "no pixel was sent"),
    "empty rows": (inputs([[[], []]]), "no pixel was sent"),
    "another input": (inputs({"image": [[[1]]]}), "missing inputs ['sections']"),
    "wrong key": (json.dumps({"sections": [[[1]]]}), "exactly one of the input fields"),
    "key of chats": (json.dumps({"input": [[[1]]]}), "missing inputs ['sections']"),
    "two keys": (json.dumps({"inputs": [[[1]]], "instances": [[[1]]]}), "exactly one of the"),
    "a bare list": (json.dumps([[[1, 2]]]), "Received a list"),
    "malformed JSON": (b'{"inputs": [[[1, 2', "Ensure that input is a valid JSON"),
    "no JSON": (b"\x89PNG\r\n\x1a\n", "Ensure that input is a valid JSON"),
    "no body": (b"", "Ensure that input is a valid JSON"),
    "table": (json.dumps({"dataframe_split": {"data": [[1, 2]]}}), "missing inputs ['sections']"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_payload_is_refused_with_the_reason(served: Served, name: str) -> None:
    content, why = REFUSED[name]
    status, text = served.post(content)
    message = json.loads(text)["message"]
    assert (status, why in message) == (400, True), (status, message[:1000])
    assert len(message) < 2000


@pytest.mark.parametrize(
    ("kind", "status"),
    [("image/png", 415), ("application/x-www-form-urlencoded", 415), ("text/csv", 400)],
)
def test_other_kinds_of_content_are_refused(served: Served, kind: str, status: int) -> None:
    found, text = served.post(b"1,2\n3,4\n", kind)
    assert found == status, text
    assert "only supports" in text


def test_too_many_pixels_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MOST_PIXELS", 5)
    status, text = served.post(inputs([[[1, 2, 3], [4, 5, 6]]]))
    assert status == 400
    assert json.loads(text)["message"].startswith("6 pixels were sent, and at most 5 are taken")


def test_a_large_bad_payload_is_not_sent_back(served: Served) -> None:
    status, text = served.post(inputs([[[1] * 300] * 300 + [[1] * 299]]))
    assert status == 400
    assert json.loads(text)["message"].startswith("rows or sections have different lengths")
    assert len(text) < 2000
