"""The whole pipeline with small settings: every real stage, through the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.e2e.conftest import Spikeseg

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

SMALL = (
    *("dataset.synthetic_size=256", "dataset.train_sections=2", "dataset.validation_sections=1"),
    *("dataset.test_sections=1", "dataset.tiles_per_axis=2"),
    *("train.epochs=2", "train.steps_per_epoch=4", "tune.epochs=1", "tune.steps_per_epoch=2"),
    *("presentation.steps=20", "benchmark.repeats=1"),
)
SETTINGS = [word for change in SMALL for word in ("--set", change)]


def finish(home: Path, *words: str) -> str:
    return Spikeseg(home).run(*words, seconds=1000)


def run(home: Path, out: Path) -> tuple[dict[str, Any], str]:
    output = finish(home, "run", "--dataset", "synthetic", "--json", str(out), *SETTINGS)
    return json.loads(out.read_text()), output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e") / "state"


@pytest.fixture(scope="module")
def finished(home: Path) -> tuple[dict[str, Any], str]:
    """A run that was killed during training, and then run again."""
    killed = Spikeseg(home).start("run", "--dataset", "synthetic", *SETTINGS)
    deadline = time.monotonic() + 600
    while not list(home.glob("stages/train-*/checkpoints/*")) and time.monotonic() < deadline:
        assert killed.poll() is None, killed.communicate()[0]
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    return run(home, home / "out.json")


def test_it_ends_with_everything_in_the_table(finished: tuple[dict[str, Any], str]) -> None:
    summary, output = finished
    assert list(summary["stages"]) == ["ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi"]
    for values in summary["stages"].values():
        assert 0 <= values["test/pixel_accuracy"] <= 1
    assert summary["mapping"]["chips"] >= 1
    devices = {figure["label"]: figure["basis"] for figure in summary["energy"]["figures"]}
    assert devices["Loihi, deployed"] == "modelled"
    assert devices["CPU"] in ("measured", "modelled")
    assert "SYNTHETIC DATA" in "".join(output.splitlines()[-4:])
    assert Path(summary["report"]).stat().st_size > 100_000  # the pictures are inside


def test_the_killed_run_was_taken_up(finished: tuple[dict[str, Any], str]) -> None:
    summary, _ = finished
    assert summary["reused"] == ["prepare"]


def test_again_everything_is_skipped(home: Path, finished: tuple[dict[str, Any], str]) -> None:
    began = time.monotonic()
    again, output = run(home, home / "again.json")
    assert time.monotonic() - began < 120  # starting the servers takes most of it
    assert len(again["reused"]) == 8
    assert output.count(": already finished") == 8
    assert again["stages"] == finished[0]["stages"]


@pytest.mark.parametrize(
    ("stage", "tag", "engine"),
    [("train", "ann", "ann"), ("tune", "rate_tuned", "ann"), ("deploy", "loihi", "loihi")],
)
def test_loaded_models_predict_what_the_run_logged(
    home: Path, finished: tuple[dict[str, Any], str], stage: str, tag: str, engine: str
) -> None:
    import mlflow

    from spikeseg_core.data.dataset import load_dataset

    summary, _ = finished
    (folder,) = home.glob(f"stages/{stage}-*")
    (prepared,) = home.glob("stages/prepare-*")
    dataset = load_dataset(prepared)
    sections = dataset.images[dataset.splits["test"]]
    logged = np.load(folder / f"probability_{tag}.npz")["test"]
    environment = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(summary["mlflow"]["tracking_uri"])
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{summary['mlflow']['run_ids'][stage]}/model")
        predicted = model.predict(sections)
    finally:
        mlflow.set_tracking_uri(environment)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    # Stored as float16; another batch sums in another order, so a pixel may round differently.
    np.testing.assert_allclose(predicted, logged.astype(np.float32), atol=1e-3)

    tifffile.imwrite(home / "section.tif", sections[0])
    model_run = summary["mlflow"]["run_ids"][stage]
    words = ["--model", model_run, "--engine", engine, str(home / "section.tif"), str(home / stage)]
    finish(home, "segment", *words)
    segmented = tifffile.imread(home / stage / "probability" / "section.tif")
    np.testing.assert_allclose(segmented, predicted[0], atol=1e-6)


def test_one_stage_alone_follows_the_newest(
    home: Path, finished: tuple[dict[str, Any], str]
) -> None:
    words = ("--set", "partition.strategy=greedy", "--json", str(home / "stage.json"))
    finish(home, "stage", "partition", *words)
    ref = json.loads((home / "stage.json").read_text())
    (quantized,) = home.glob("stages/quantize-*/stage.json")
    assert ref["inputs"]["quantize"] == json.loads(quantized.read_text())["key"]
    assert ref["facts"]["strategy"] == "greedy"


def benchmarked(home: Path, code: int = 0) -> tuple[dict[str, Any], str]:
    out = home / "benchmark.json"
    output = Spikeseg(home).run("benchmark", "--json", str(out), code=code, seconds=1000)
    return json.loads(out.read_text()), output


def test_a_busy_machine_is_said_and_not_compared(
    home: Path, finished: tuple[dict[str, Any], str]
) -> None:
    burn = [sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(burn) for _ in os.sched_getaffinity(0)]
    try:
        result, output = benchmarked(home, code=1)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert result["busy"]
    assert result["changes"] == []
    assert {f["busy"] for f in result["figures"] if f["what"].startswith("CPU")} == {True}
    assert "not compared" in " ".join(output.split())


def test_between_two_benchmarks_nothing_moves_but_times(
    home: Path, finished: tuple[dict[str, Any], str]
) -> None:
    for _ in range(2):
        out = home / "benchmark.json"
        Spikeseg(home).start("benchmark", "--json", str(out)).communicate(timeout=1000)
        result = json.loads(out.read_text())
        if result["busy"]:
            pytest.skip("other work keeps this machine busy")
    assert result["changes"]
    # The CPU's times and fastest runtime are the machine's affair: a test of them fails by chance.
    on_loihi = [
        change for change in result["changes"] if change["what"].lower().startswith("loihi")
    ]
    assert {change["what"].split()[-1] for change in on_loihi} >= {"energy", "time", "test/v_rand"}
    assert {(change["ratio"], change["machine"]) for change in on_loihi} == {(1.0, 1.0)}
    times = [change for change in result["changes"] if change["basis"] == "measured"]
    machine = {change["machine"] for change in times if change["what"].startswith("CPU")}
    assert machine
    assert 1.0 not in machine
