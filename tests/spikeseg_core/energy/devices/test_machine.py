from pathlib import Path

import numpy as np

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.energy.devices.machine import representative_tiles


def test_int8_ranges_come_from_training_sections(tmp_path: Path) -> None:
    config = DatasetConfig(
        source="synthetic",
        synthetic_size=128,
        train_sections=2,
        validation_sections=1,
        test_sections=1,
    )
    dataset = prepare_dataset(config, 32, tmp_path)
    tiles = representative_tiles(dataset, count=5)
    training = dataset.grid.cut(dataset.split("train")[0])
    assert tiles.shape == (5, 32, 32)
    assert all(any(np.array_equal(tile, other) for other in training) for tile in tiles)
