import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping


def test_a_mapping_survives_the_disk(tmp_path):
    found = CoreMapping({"a": (4, 8, 4), "b": (2, 2, 16)}, np.array([0, 1, 1, 0]), 32, 6)
    found.save(tmp_path / "mapping.json")
    again = CoreMapping.load(tmp_path / "mapping.json")
    assert again.tiles == found.tiles
    assert (again.population_type, again.weight_bits) == (32, 6)
    np.testing.assert_array_equal(again.chips, found.chips)
    assert again.chips.dtype == np.int64


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "not json",
        '{"tiles": {"a": [1, 2]}, "chips": [0], "population_type": 16, "weight_bits": 8}',
        '{"tiles": {"a": [1, 2, 4]}, "chips": 2, "population_type": 16, "weight_bits": 8}',
    ],
)
def test_a_damaged_mapping_is_one_message(tmp_path, text):
    (tmp_path / "mapping.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a mapping .*run the stage that wrote it again"):
        CoreMapping.load(tmp_path / "mapping.json")


def test_a_missing_mapping_is_one_message(tmp_path):
    with pytest.raises(DataError, match="run the stage that wrote it again"):
        CoreMapping.load(tmp_path / "mapping.json")
