import pytest
from pydantic import ValidationError

from spikeseg_core.config import TuneConfig


def test_a_range_of_rates_is_a_range() -> None:
    with pytest.raises(ValidationError, match=r"200.* must be below rate_max_hz"):
        TuneConfig(rate_min_hz=200, rate_max_hz=50)


def test_only_the_integers_of_the_chip_can_go_on_without_resets() -> None:
    assert TuneConfig(continuous=True).continuous
    for changed in ({"weight_bits": None}, {"synapse_ms": 5.0}):
        with pytest.raises(ValidationError, match="set weight_bits, and synapse_ms"):
            TuneConfig(continuous=True, **changed)
