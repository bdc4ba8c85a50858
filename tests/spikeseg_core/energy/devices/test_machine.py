from dataclasses import replace
from pathlib import Path

import numpy as np

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.energy.devices.machine import disturbed_together, representative_tiles
from tests.spikeseg_core.energy.test_comparison import cpu_figures


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


def test_one_disturbed_timing_marks_all_of_the_run() -> None:
    first, *others = cpu_figures()
    quiet, none = disturbed_together([first, *others], [])
    assert not any(figure.busy for figure in quiet)
    assert none == ()
    for cpu, gpu in (
        ([replace(first, busy=True), *others], others),
        ([first], [replace(first, busy=True)]),
    ):
        for group in disturbed_together(cpu, gpu):
            assert all(figure.busy for figure in group)
