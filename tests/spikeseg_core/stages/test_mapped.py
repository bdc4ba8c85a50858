from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.stages.artifacts import MAPPING
from spikeseg_core.stages.mapped import load_mapped
from tests.spikeseg_core.stages.conftest import NETWORK


def test_it_is_what_the_stages_left(mapped_stages: dict[str, Path]) -> None:
    mapped = load_mapped(mapped_stages)
    mapping = CoreMapping.load(mapped_stages["quantize"] / MAPPING)
    assert mapped.network == NETWORK
    assert mapped.tiles == mapping.tiles
    assert mapped.integer.n_blocks == len(mapped.placement.chips) == len(mapping.chips)


def test_a_missing_stage_is_named(mapped_stages: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        load_mapped({**mapped_stages, "quantize": tmp_path})
