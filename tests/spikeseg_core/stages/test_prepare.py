from spikeseg_core.config import DatasetConfig, PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import prepare


def test_prepare_writes_a_dataset_that_says_what_it_is(tmp_path) -> None:
    config = PipelineConfig(
        dataset=DatasetConfig(
            source="synthetic",
            synthetic_size=256,
            train_sections=3,
            validation_sections=1,
            test_sections=2,
        )
    )
    result = prepare.run(config, {}, tmp_path, SILENT)
    dataset = load_dataset(tmp_path)
    assert result.facts["synthetic"] is True
    assert result.facts["sections"] == {"train": 3, "validation": 1, "test": 2}
    assert result.facts["sha256"] == dataset.sha256
    assert 0.1 < result.metrics["prepare"]["data/test_membrane_fraction"] < 0.4
    assert all(table.exists() for table in result.tables)
