from pathlib import Path

from spikeseg_core.config import DatasetConfig, PipelineConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.figures.stages import draw
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import save_arrays

SYNTHETIC = DatasetConfig(
    source="synthetic", synthetic_size=128, train_sections=1, validation_sections=1, test_sections=1
)


def test_a_target_that_reports_no_rates_has_no_picture_of_them(tmp_path: Path) -> None:
    dataset = prepare_dataset(SYNTHETIC, 32, tmp_path / "prepare")
    save_arrays(tmp_path / probability("loihi"), {"test": dataset.split("test")[1] * 0.5})
    inputs = {"prepare": tmp_path / "prepare"}
    drawn = draw("deploy", PipelineConfig(), inputs, tmp_path)
    assert [path.name for path in drawn] == ["sections_loihi.png", "sections_loihi_narrow.png"]
