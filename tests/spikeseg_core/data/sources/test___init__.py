from typing import get_args

import numpy as np

from spikeseg_core.config import DatasetConfig
from spikeseg_core.config.settings import SourceName
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.data.readers import Stack
from spikeseg_core.data.sources import SOURCES, Sections, fingerprint


def test_every_name_of_the_settings_is_a_source():
    assert tuple(SOURCES) == get_args(SourceName)


class Stripes:
    """Three sections of stripes."""

    name = "stripes"

    def read(self, config, report):
        labels = np.zeros((3, 64, 64), np.uint8)
        labels[:, ::4] = 255
        names = ("a", "b", "c")
        return Sections(Stack(255 - labels, names), Stack(labels, names), self.name, "stripes")

    def fingerprint(self, config):
        return {"source": self.name}


def test_a_new_source_is_one_class(monkeypatch, tmp_path):
    monkeypatch.setitem(SOURCES, "stripes", Stripes())
    config = DatasetConfig(
        train_sections=1, validation_sections=1, test_sections=1, tiles_per_axis=1
    ).model_copy(update={"source": "stripes"})
    assert fingerprint(config) == {"source": "stripes"}
    dataset = prepare_dataset(config, 64, tmp_path)
    assert dataset.names == ("a", "b", "c")
    assert not dataset.is_synthetic
    assert dataset.labels.mean() == 0.25
