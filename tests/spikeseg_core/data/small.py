"""The settings of a small synthetic dataset."""

from spikeseg_core.config import DatasetConfig


def small_dataset(
    tiles_per_axis: int, train: int = 1, validation: int = 1, test: int = 1
) -> DatasetConfig:
    """Synthetic sections of 128 x 128 px."""
    return DatasetConfig(
        source="synthetic",
        synthetic_size=128,
        train_sections=train,
        validation_sections=validation,
        test_sections=test,
        tiles_per_axis=tiles_per_axis,
    )
