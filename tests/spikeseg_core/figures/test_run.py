from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures.run import draw_run
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.data.small import small_dataset


@pytest.fixture
def summary() -> dict[str, Any]:
    step = {"step": "spikes", "from": "ann", "to": "loihi", **dict.fromkeys(SCORES, -0.01)}
    return {
        "stages": {"ann": {f"test/{score}": 0.9 for score in SCORES}},
        "losses": {"steps": [step], "tolerance": {"v_rand": 0.02}},
    }


@pytest.fixture
def stages(tmp_path: Path) -> dict[str, Path]:
    folders = {name: tmp_path / name for name in ("prepare", "train", "deploy")}
    dataset = prepare_dataset(small_dataset(4), 64, folders["prepare"])
    for name, tag in (("train", "ann"), ("deploy", "loihi")):
        folders[name].mkdir()
        found = {"test": dataset.split("test")[1] * 0.5}
        save_arrays(folders[name] / probability(tag), found)
    return folders


def test_the_sections_for_wide_and_narrow_screens_and_the_losses(
    stages: dict[str, Path], summary: dict[str, Any], tmp_path: Path
) -> None:
    drawn = draw_run(stages, summary, tmp_path)
    assert [path.name for path in drawn] == [
        *("overview.png", "overview_narrow.png", "waterfall.png", "waterfall_narrow.png")
    ]
    shapes = []
    for path in drawn[:2]:
        with Image.open(path) as picture:
            shapes.append(picture.width / picture.height)
    assert shapes[0] > 2 * shapes[1]


def test_what_is_missing_is_left_out(
    stages: dict[str, Path], summary: dict[str, Any], tmp_path: Path
) -> None:
    (stages["deploy"] / probability("loihi")).unlink()
    summary["losses"]["steps"] = []
    assert draw_run(stages, summary, tmp_path) == ()
