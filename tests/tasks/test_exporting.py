"""The command finds the network, writes it for others, and says what it wrote."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from typer.testing import CliRunner

from flows import cli
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.segmenter import load_segmenter
from tasks.folder import Outcome, StageRecord, write_record
from tasks.local import state
from tasks.mlflow import models
from tests.tasks.mlflow.finished import finished_stages


@pytest.fixture
def train(home: Path) -> StageRecord:
    """A finished training and the dataset it was made from, with scores."""
    stages = finished_stages()
    outcome = Outcome(metrics={"ann": {"test/v_rand": 0.97, "test/v_info": None}})
    record = stages["train"].model_copy(
        update={"outcome": outcome, "inputs": {"prepare": stages["prepare"].key}}
    )
    write_record(state.current().stage_folder("train", record.key), record)
    prepare = stages["prepare"].model_copy(update={"inputs": {}})
    write_record(state.current().stage_folder("prepare", prepare.key), prepare)
    return record


def invoke(*words: object) -> str:
    result = CliRunner().invoke(cli.app, ["export", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_onnx_gives_what_the_network_of_the_run_gives(train: StageRecord, tmp_path: Path) -> None:
    out = tmp_path / "new" / "membrane.onnx"
    said = invoke("--out", out, "--pixel-nm", 4, "--licence", "CC0-1.0")
    assert f"exported   {out}" in said

    models.gather("ann", train, tmp_path / "original")
    original = load_segmenter(tmp_path / "original")
    sections = np.random.default_rng(0).integers(
        0, 256, (3, 2 * original.tile + 5, original.tile), dtype=np.uint8
    )
    session = onnxruntime.InferenceSession(out)
    (found,) = session.run(None, {"sections": sections[:, np.newaxis].astype(np.float32)})
    np.testing.assert_allclose(found[:, 0], original(sections), rtol=0, atol=2e-5)

    says = {each.key: each.value for each in onnx.load(out).metadata_props}
    assert (says["pixel_size_nm"], says["licence"]) == ("4", "CC0-1.0")
    assert (says["scores"], says["threshold"]) == ("v_rand 0.9700", "0.5")
    assert says["dataset"].startswith("3 sections of synthetic (")


def test_a_bioimageio_package_is_validated(train: StageRecord, tmp_path: Path) -> None:
    out = tmp_path / "membrane.zip"
    words = ("--format", "bioimageio", "--author", "A. Person", "--author", "B", "--out", out)
    said = invoke(*words)
    assert "valid, says bioimageio.spec 0.5." in said
    with zipfile.ZipFile(out) as package:
        found = yaml.safe_load(package.read("rdf.yaml"))
        given = np.load(io.BytesIO(package.read("test_input.npy")))
    assert [each["name"] for each in found["authors"]] == ["A. Person", "B"]
    assert found["name"] == f"SpikeSeg {train.preset} {train.key[:8]}"
    assert given.std() > 5

    with pytest.raises(ConfigError, match=r"membrane\.zip exists; .*--overwrite"):
        invoke(*words)
    invoke(*words, "--overwrite")


def test_a_licence_that_nobody_knows_is_refused_and_nothing_written(
    train: StageRecord, tmp_path: Path
) -> None:
    out = tmp_path / "membrane.zip"
    with pytest.raises(DataError, match=r"^membrane.zip would not .*license.*such as CC-BY-4.0$"):
        invoke("--format", "bioimageio", "--licence", "Mine", "--out", out)
    assert list(tmp_path.glob("*.zip")) == []


def test_without_a_finished_training_it_says_what_to_run(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no finished stage 'train' .*spikeseg run"):
        invoke("--out", tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match="there is no registered model 'paper'"):
        invoke("paper", "--out", tmp_path / "a.onnx")
