"""The real pipeline on a tiny network, and its stages one by one.

``python -m tests.chaos.pipeline STAGE NUMBER`` runs one stage, and kills itself with the signal 9
when it is about to put its file of that number in place.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import (
    BenchmarkConfig,
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.energy.devices import meter
from spikeseg_core.network import catalogue
from spikeseg_core.stages import table
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tests.spikeseg_core.ann.networks import TINY
from tests.spikeseg_core.data.small import small_dataset

catalogue.NETWORKS["tiny"] = TINY
meter.TIMED_SECONDS = 0.0

CONFIG = PipelineConfig(
    dataset=small_dataset(8, 2, 1, 1),
    train=TrainConfig(network="tiny", epochs=2, steps_per_epoch=1, batch_size=1),
    tune=TuneConfig(epochs=1, spiking_epochs=0, steps_per_epoch=1, batch_size=1),
    presentation=PresentationConfig(steps=20),
    quantize=QuantizeConfig(mapping="square"),
    deploy=DeployConfig(presentation_steps=(10, 20), readout_windows=(0.25,), early_exit=()),
    benchmark=BenchmarkConfig(batch_size=2, repeats=2),
)


def run_one(name: str, refs: Mapping[str, StageRef]) -> StageRef:
    """Run a stage on the results of those before it, or use it if it is finished."""
    return run_stage(name, CONFIG, *(refs[each] for each in table.stage(name).upstream))


def run_all() -> dict[str, StageRef]:
    """Run all stages, in order."""
    refs: dict[str, StageRef] = {}
    for name in table.STAGES:
        refs[name] = run_one(name, refs)
    return refs


def main() -> None:
    """Run the stages before the one of the command line, and die in this one."""
    stage, number = sys.argv[1], int(sys.argv[2])
    count, replace = itertools.count(1), Path.replace

    def die(self: Path, target: Path) -> Path:
        if target.parent.name.startswith(f"{stage}-") and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = die  # type: ignore[method-assign, assignment]
    refs: dict[str, StageRef] = {}
    for name in table.STAGES:
        refs[name] = run_one(name, refs)
        if name == stage:
            break


if __name__ == "__main__":
    main()
