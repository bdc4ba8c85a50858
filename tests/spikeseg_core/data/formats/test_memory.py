from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.data.formats.memory import at_most
from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.errors import DataError
from tests.fuzz.targets import CORPUS


def test_no_more_than_the_bound_is_given_and_the_old_limit_comes_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with at_most(2**28), pytest.raises(MemoryError):
        np.ones(2**29, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    with at_most(2**30):
        assert np.ones(2**27, np.uint8).all()


def test_a_header_that_asks_for_gigabytes_is_refused() -> None:
    """Found by fuzzing: HDF5 takes 3.4 GB for the 5,867 bytes of this file."""
    before = _peak()
    with pytest.raises(DataError, match=r"oom\.h5 is damaged"):
        open_volume(_huge())
    assert _peak() < before + 2**29


def _huge() -> Path:
    return CORPUS / "hdf5" / "oom.h5"


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
