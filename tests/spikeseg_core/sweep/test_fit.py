from __future__ import annotations

import pytest

from spikeseg_core.config import PipelineConfig, QuantizeConfig, TrainConfig, presets
from spikeseg_core.errors import MappingError
from spikeseg_core.network import IMAGE, Connection, Layer, Network, catalogue
from spikeseg_core.sweep.fit import cores_needed, cores_of


def test_the_papers_network_fits_two_chips() -> None:
    config = presets.preset("paper")
    assert cores_needed(config) <= cores_of(config) == 256


def test_a_network_that_fits_no_core_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Network(
        "wide",
        16,
        (
            Layer("stem", 2048, (Connection(IMAGE, kernel=3),), on_chip=False),
            Layer("chip", 64, (Connection("stem"),)),
        ),
        Connection("chip"),
    )
    monkeypatch.setitem(catalogue.NETWORKS, "wide", wide)
    config = PipelineConfig(train=TrainConfig(network="wide"), quantize=QuantizeConfig(chips=1))
    with pytest.raises(MappingError, match="layer 'chip'"):
        cores_needed(config)
    assert cores_of(config) == 128
