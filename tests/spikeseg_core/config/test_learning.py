import pytest
from pydantic import ValidationError

from spikeseg_core.config import TuneConfig


def test_a_range_of_rates_is_a_range() -> None:
    with pytest.raises(ValidationError, match=r"200.* must be below rate_max_hz"):
        TuneConfig(rate_min_hz=200, rate_max_hz=50)
