from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from flows import cli, segment
from spikeseg_core.errors import DataError
from spikeseg_core.inference.segmenter import Segmenter
from tests.tasks.test_finished import RUN, put_runs_in_place


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
    put_runs_in_place(monkeypatch)


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
        timing = result["timing"]
        assert timing["megapixels"] == timing["results_megapixels"] == 2 * 20 * 24 / 1e6
        # Pytest is a program that has run for a while.
        assert timing["start_s"] > timing["network_s"] > 0
        parts = timing["start_s"] + timing["network_s"] + timing["results_s"]
        assert result["seconds"] == pytest.approx(parts, rel=0.2)

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
