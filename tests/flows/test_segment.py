from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from flows import cli, segment
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.segmenter import Segmenter
from tasks.mlflow import models

RUN = "0123456789abcdef" * 2


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fake networks for which bright pixels are membrane; lists the kinds that were loaded."""
    kinds: list[str] = []

    def load(kind: str, ref: Any) -> Segmenter:
        kinds.append(kind)
        return Segmenter(16, 2, lambda tiles: tiles)

    monkeypatch.setattr(segment, "load", load)
    return kinds


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stages, or those of a pipeline's run."""

    def ref(stage: str, run: str | None) -> SimpleNamespace:
        return SimpleNamespace(stage=stage, key="ab" * 32, mlflow_run_id=run or f"newest {stage}")

    monkeypatch.setattr(segment, "stage_and_those_before", lambda stage: {stage: ref(stage, None)})
    monkeypatch.setattr(segment, "stage_of_run", lambda run: "pipeline")
    monkeypatch.setattr(segment, "stage_behind", lambda run, stage: ref(stage, run))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "sections"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        pixels = np.random.default_rng(0).integers(0, 256, (20, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.mark.usefixtures("runs")
class TestCommandLine:
    def run(self, *words: object) -> Mapping[str, Any]:
        found = CliRunner().invoke(cli.app, ["segment", *map(str, words)])
        assert found.exit_code == 0, found.output or found.exception
        assert "2 sections" in found.output
        return dict(json.loads(Path(str(words[words.index("--json") + 1])).read_text()))

    def test_the_newest_network_as_an_ann(
        self, source: Path, tmp_path: Path, loaded: list[str]
    ) -> None:
        out = tmp_path / "out"
        result = self.run(source, out, "--json", tmp_path / "r.json")
        assert loaded == ["ann"]
        assert (result["model"], result["mlflow_run_id"]) == ("the newest", "newest train")
        assert result["files"] == ["a.png", "b.png"]
        assert Image.open(out / "mask" / "b.png").size == (24, 20)
        assert Path(result["preview"]).is_file()
        assert result["threshold"] == 0.5
        assert (out / "cells.csv").is_file()

    def test_a_model_on_loihi(self, source: Path, tmp_path: Path, loaded: list[str]) -> None:
        words = ("--model", RUN, "--engine", "loihi", "--threshold", 0.2)
        result = self.run(*words, source, tmp_path / "out", "--json", tmp_path / "r.json")
        assert loaded == ["integer"]
        assert (result["mlflow_run_id"], result["engine"]) == (RUN, "loihi")
        assert result["threshold"] == 0.2

    def test_an_unknown_engine_is_refused(self, source: Path, tmp_path: Path) -> None:
        words = ["segment", "--engine", "gpu", str(source), str(tmp_path / "out")]
        found = CliRunner().invoke(cli.app, words)
        assert found.exit_code == 2
        assert all(word in found.output for word in ("gpu", "ann", "loihi"))


def test_the_images_are_looked_at_before_the_model(tmp_path: Path, loaded: list[str]) -> None:
    with pytest.raises(DataError, match="does not exist"):
        segment.segment_files(tmp_path / "gone", tmp_path / "out", RUN)
    assert not loaded


@pytest.mark.usefixtures("runs")
def test_the_run_of_a_tuning_names_the_tuned_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "stage_of_run", lambda run: "tune")
    kind, ref = segment.network_of(RUN, "ann")
    assert (kind, ref.stage) == ("rate_tuned", "tune")


@pytest.mark.usefixtures("runs")
def test_an_engine_that_the_model_cannot_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def behind(run: str, stage: str) -> None:
        raise ConfigError(f"run {run} is of 'train', and did not get to {stage!r}")

    monkeypatch.setattr(segment, "stage_behind", behind)
    says = r"engine 'loihi' needs a network of stage 'deploy', .* is of 'train'.*; name the run of"
    with pytest.raises(ConfigError, match=says):
        segment.network_of(RUN, "loihi")


def test_without_a_finished_run_it_says_what_to_do(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"no finished stage 'deploy'.* run `spikeseg run`"):
        segment.network_of(None, "loihi")


@pytest.mark.parametrize("damage", [DataError("weights.npz is cut"), FileNotFoundError(2, "gone")])
def test_a_damaged_model_names_the_folder_to_delete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Exception
) -> None:
    ref: Any = SimpleNamespace(folder=tmp_path / "tune-0123")

    def gather(*parts: object) -> None:
        raise damage

    monkeypatch.setattr(segment, "read_record", lambda folder: None)
    monkeypatch.setattr(models, "gather", gather)
    with pytest.raises(ConfigError, match=r"tune-0123, or .* is damaged .*; delete the folder"):
        segment.load("rate_tuned", ref)
