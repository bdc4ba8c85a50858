from __future__ import annotations

import inspect

import pytest

from spikeseg_core.stages import table
from spikeseg_core.stages.base import StageFunction
from tests.spikeseg_core.stages.test_contract import Made


@pytest.mark.parametrize("name", table.STAGES)
def test_every_stage_has_the_signature_of_the_protocol(name: str) -> None:
    expected = inspect.signature(StageFunction.__call__).replace(
        parameters=[
            p
            for n, p in inspect.signature(StageFunction.__call__).parameters.items()
            if n != "self"
        ]
    )
    assert inspect.signature(table.function(table.stage(name))) == expected


def test_every_segmentation_has_the_same_scores(made: Made) -> None:
    tags = {
        tag: {key for key in metrics if not key.startswith("spikes/")}
        for stage in ("train", "tune", "convert")
        for tag, metrics in made[stage][1].metrics.items()
    }
    assert set(tags) == {"ann", "ann_loihi_curve", "rate_tuned", "snn_rate", "snn_spiking"}
    assert len({frozenset(names) for names in tags.values()}) == 1
    assert {"test/v_rand", "test/pixel_accuracy", "validation/v_info"} <= tags["ann"]
    for stage, tag in [("tune", "rate_tuned"), ("convert", "snn_spiking")]:
        assert "spikes/mean_rate_hz" in made[stage][1].metrics[tag]
