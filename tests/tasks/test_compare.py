from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from tasks.compare import compare
from tasks.mlflow.reader import PROVENANCE
from tasks.mlflow.store import RUNS_TAG, Run, by_stage, store


def pipeline(name: str, epochs: int, sha: str, accuracy: float) -> Run:
    """Log the MLflow runs of a pipeline with one stage and one segmentation."""
    tags = {"dataset.sha256": sha * 32, "git.commit": "c" * 40}
    parent = Run.create(store(), name, {"spikeseg.stage": "pipeline", **tags}, None)
    parent.params({"train.epochs": epochs, "preset": "quick"})
    stage = {"spikeseg.stage": "convert", "spikeseg.key": name}
    convert = Run.create(store(), "convert", {**stage, "stage": "convert"}, parent.id)
    convert.metrics([("minutes", 0.5, 0, 0.0)])
    spiking = Run.create(store(), "snn", {**stage, "stage": "snn_spiking"}, parent.id)
    spiking.metrics([("test/pixel_accuracy", accuracy, 0, 0.0), ("test/dice", 0.5, 0, 0.0)])
    parent.tags({RUNS_TAG: json.dumps({"convert": convert.id})})
    parent.json(PROVENANCE, {"versions": {"numpy": f"1.26.{epochs}"}})
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
    assert found["code"] == {"version.numpy": ["1.26.3", "1.26.4"]}
    assert found["results"] == {
        "snn_spiking/test/pixel_accuracy": [0.9, 0.91],
        "convert/minutes": [0.5, 0.5],
    }
    said = capsys.readouterr().out
    assert "quick-one" in said
    assert "+0.01" in said
    assert "version.numpy" in said


def test_by_name_by_id_and_by_its_beginning(two: tuple[Run, Run]) -> None:
    one, other = two
    found = compare(["quick-two", one.id[:8], other.id], everything=True)
    assert [run["id"] for run in found["runs"]] == [other.id, one.id, other.id]
    assert found["results"]["snn_spiking/test/dice"] == [0.5, 0.5, 0.5]


def test_a_stage_alone(two: tuple[Run, Run]) -> None:
    tags = [run.store.client.get_run(run.id).data.tags for run in two]
    stages = [by_stage(each, RUNS_TAG)["convert"] for each in tags]
    found = compare(stages)
    assert found["results"]["snn_spiking/test/pixel_accuracy"] == [0.9, 0.91]


def test_runs_that_are_not_there(two: tuple[Run, Run]) -> None:
    with pytest.raises(ConfigError, match="there is no run 'quick-three'"):
        compare(["quick-one", "quick-three"])
    with pytest.raises(ConfigError, match="there is no run 'ffffff'"):
        compare(["quick-one", "ffffff"])
    with pytest.raises(ConfigError, match=r"1 run at .* to compare"):
        compare(["quick-one"])


def shortest(own: str, other: str) -> str:
    """Shortest beginning of an id that no run of the test but this one has."""
    every = {run.info.run_id for run in store().client.search_runs([store().experiment])} - {own}
    assert other in every
    return next(own[:n] for n in range(1, 33) if not any(o.startswith(own[:n]) for o in every))


def test_any_beginning_that_fits_one_run(two: tuple[Run, Run]) -> None:
    one, other = two
    found = compare([shortest(one.id, other.id), other.id])
    assert found["runs"][0]["id"] == one.id


def test_a_name_of_several_runs_lists_them(two: tuple[Run, Run]) -> None:
    again = pipeline("quick-one", 5, "ef", 0.92)
    with pytest.raises(ConfigError) as refused:
        compare(["quick-one", "quick-two"])
    listed = [line.split() for line in str(refused.value).splitlines()[1:]]
    assert [words[0] for words in listed] == [again.id[:12], two[0].id[:12]]
    for words in listed:
        assert datetime.fromisoformat(f"{words[1]} {words[2]}")
        assert words[3:] == ["UTC", "quick-one", "(pipeline,", "finished)"]


def test_pipelines_have_no_picture_of_folds(two: tuple[Run, Run], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--picture takes two cross-validations"):
        compare([], picture=tmp_path / "saved.png")
