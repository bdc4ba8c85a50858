from __future__ import annotations

from pathlib import Path

import pytest

from flows.compare import compare
from spikeseg_core.errors import ConfigError
from tasks.mlflow.store import Run, store


def pipeline(name: str, epochs: int, sha: str, accuracy: float) -> Run:
    """Log the MLflow runs of a pipeline with one stage and one segmentation."""
    tags = {"dataset.sha256": sha * 32, "git.commit": "c" * 40, "version.numpy": "1.26.4"}
    parent = Run.create(store(), name, {"spikeseg.stage": "pipeline", **tags}, None)
    parent.params({"train.epochs": epochs, "preset": "quick"})
    stage = {"spikeseg.stage": "convert", "spikeseg.key": name}
    convert = Run.create(store(), "convert", {**stage, "stage": "convert"}, parent.id)
    convert.metrics([("minutes", 0.5, 0, 0.0)])
    spiking = Run.create(store(), "snn", {**stage, "stage": "snn_spiking"}, parent.id)
    spiking.metrics([("test/pixel_accuracy", accuracy, 0, 0.0), ("test/dice", 0.5, 0, 0.0)])
    parent.tags({"run.convert": convert.id})
    for run in (convert, spiking, parent):
        run.end()
    return parent


@pytest.fixture
def two(home: Path) -> tuple[Run, Run]:
    return pipeline("quick-one", 3, "ab", 0.90), pipeline("quick-two", 4, "cd", 0.91)


def test_the_newest_two_and_all_that_differs(
    two: tuple[Run, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare([])
    assert [run["id"] for run in found["runs"]] == [two[0].id, two[1].id]
    assert found["settings"] == {"train.epochs": ["3", "4"]}
    assert found["data"] == {"dataset.sha256": ["ab" * 32, "cd" * 32]}
    assert found["code"] == {}
    assert found["results"] == {
        "snn_spiking/test/pixel_accuracy": [0.9, 0.91],
        "convert/minutes": [0.5, 0.5],
    }
    said = capsys.readouterr().out
    assert "quick-one" in said
    assert "+0.01" in said
    assert "the same" in said


def test_by_name_by_id_and_by_its_beginning(two: tuple[Run, Run]) -> None:
    one, other = two
    found = compare(["quick-two", one.id[:8], other.id], everything=True)
    assert [run["id"] for run in found["runs"]] == [other.id, one.id, other.id]
    assert found["results"]["snn_spiking/test/dice"] == [0.5, 0.5, 0.5]


def test_a_stage_alone(two: tuple[Run, Run]) -> None:
    stages = [run.store.client.get_run(run.id).data.tags["run.convert"] for run in two]
    found = compare(stages)
    assert found["results"]["snn_spiking/test/pixel_accuracy"] == [0.9, 0.91]


def test_runs_that_are_not_there(two: tuple[Run, Run]) -> None:
    with pytest.raises(ConfigError, match="there is no run 'quick-three'"):
        compare(["quick-one", "quick-three"])
    with pytest.raises(ConfigError, match="there is no run 'ffffff'"):
        compare(["quick-one", "ffffff"])
    with pytest.raises(ConfigError, match=r"1 run at .* to compare"):
        compare(["quick-one"])
