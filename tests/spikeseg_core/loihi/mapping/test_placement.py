import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.mapping.placement import Placement, place, router_of


def test_placement_survives_the_disk(tmp_path):
    found = place(np.array([1, 0, 1, 0, 0]), "metis")
    found.save(tmp_path / "placement.json")
    again = Placement.load(tmp_path / "placement.json")
    assert again.strategy == "metis"
    np.testing.assert_array_equal(again.chips, found.chips)
    np.testing.assert_array_equal(again.positions, [0, 0, 1, 1, 2])
    (tmp_path / "placement.json").write_text("{}")
    with pytest.raises(DataError, match="is not a placement"):
        Placement.load(tmp_path / "placement.json")


def test_four_consecutive_cores_share_a_router_and_rows_come_first():
    routers = [[0, 0], [0, 0], [0, 1], [0, 7], [1, 0], [3, 7]]
    np.testing.assert_array_equal(router_of(np.array([0, 3, 4, 31, 32, 127])), routers)
