from __future__ import annotations

from pathlib import Path

from PIL import Image

from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.report.records import RecordedRun, RecordedStage
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import save_arrays
from tasks.mlflow.pictures import telling_pictures
from tests.fakes import PNG
from tests.spikeseg_core.data.small import small_dataset


def stage(folder: Path, *figures: str) -> RecordedStage:
    folder.mkdir(exist_ok=True)
    for figure in figures:
        (folder / figure).write_bytes(PNG)

    def fetch(name: str) -> Path | None:
        return folder / name if (folder / name).exists() else None

    run = RecordedRun(folder.name, folder.name, {}, 0.0, None, fetch)
    return RecordedStage(run, {"outcome": {"figures": list(figures)}})


def test_the_first_picture_that_fits_and_the_sections_of_every_network(tmp_path: Path) -> None:
    dataset = prepare_dataset(small_dataset(4), 64, tmp_path / "prepare")
    stages = {
        "prepare": stage(tmp_path / "prepare"),
        "train": stage(tmp_path / "train"),
        "tune": stage(tmp_path / "tune", "tuning.png", "rates_rate_tuned.png", "rates_b.png"),
        "benchmark": stage(tmp_path / "benchmark", "energy.png", "operating_points.png"),
    }
    save_arrays(tmp_path / "train" / probability("ann"), {"test": dataset.split("test")[1] * 0.5})
    found = telling_pictures(stages, tmp_path, "a title")
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "sections": "sections.png",
        "energy": "benchmark/energy.png",
        "rates": "tune/rates_rate_tuned.png",
        "operating points": "benchmark/operating_points.png",
    }
    with Image.open(found["sections"]) as picture:
        assert picture.width > 300


def test_a_run_whose_files_are_gone_has_no_pictures(tmp_path: Path) -> None:
    gone = stage(tmp_path / "prepare", "sections.png")
    assert telling_pictures({"prepare": gone}, tmp_path, "a title") == {}
