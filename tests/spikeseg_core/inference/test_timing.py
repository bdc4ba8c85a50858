"""The start is told from what every megapixel costs."""

from __future__ import annotations

import time

import pytest

from spikeseg_core.inference.timing import Timing, since_start


def test_the_time_is_said_per_megapixel_and_the_start_by_its_share() -> None:
    timing = Timing(12.0, 6.0, 2.0, 3.0, 4.0)
    assert str(timing) == (
        "2.00 s per megapixel by the network and 0.50 s for cells and files (4.0 megapixels); "
        "start 12.0 s, 60% of all"
    )
    assert timing.to_json()["start_share"] == pytest.approx(0.6)


def test_nothing_is_said_of_a_network_that_had_nothing_left_to_do() -> None:
    assert str(Timing(3.0, 0.1, 2.9, 0.0, 4.0)).startswith("0.72 s for cells and files (4.0")


def test_the_start_of_this_process_was_before() -> None:
    first = since_start()
    time.sleep(0.01)
    assert 0 < first < since_start()
