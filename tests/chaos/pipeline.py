"""The real pipeline on a tiny network, and its stages one by one.

``python -m tests.chaos.pipeline STAGE [TROUBLE]`` runs the stages up to one of them, which has the
trouble. ``kill:NAME`` and ``tear:NAME`` end the process with the signal 9 when it is about to put
the file of that name in place (``2`` for the second file, whatever its name), whole or in half;
``append`` while it adds to a curve. ``clock:SECONDS`` moves the clock when the first value of a
curve is noted, ``nan`` makes the loss no number, and ``stop`` stops the process until somebody
continues it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spikeseg_core.config import (
    BenchmarkConfig,
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.energy.devices import cpu, meter
from spikeseg_core.network import catalogue
from spikeseg_core.stages import table
from tasks.mlflow.curve import Curve
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tests.spikeseg_core.ann.networks import TINY
from tests.spikeseg_core.data.small import small_dataset

catalogue.NETWORKS["tiny"] = TINY
meter.TIMED_SECONDS = 0.0
cpu.SECONDS_OF_CHOICE = 0.0

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
    """Run the stages up to the one of the command line, which has trouble."""
    stage, trouble = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
    refs: dict[str, StageRef] = {}
    for name in table.STAGES:
        if name == stage and trouble:
            kind, _, detail = trouble.partition(":")
            TROUBLES[kind](stage, detail)
        refs[name] = run_one(name, refs)
        if name == stage:
            break


def _at_writes(act: Callable[[Path], None], stage: str, name: str) -> None:
    """Call ``act`` with the temporary file before it gets the name, or is the file of a number."""
    count, replace = itertools.count(1), Path.replace

    def watched(self: Path, target: Path) -> Path:
        if f"{stage}-" in target.as_posix() and (
            str(next(count)) == name or target.as_posix().endswith(name)
        ):
            act(self)
        return replace(self, target)

    Path.replace = watched  # type: ignore[method-assign, assignment]


def _die(file: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _tear(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)
    _die(file)


def _die_appending(stage: str, detail: str) -> None:
    def add(self: Curve, name: str, value: float, step: int) -> None:
        with self.path.open("a") as file:
            file.write('["train/loss", 0.5, ')
        _die(self.path)

    Curve.add = add  # type: ignore[method-assign]


def _jump(stage: str, detail: str) -> None:
    real, add, noted = time.time, Curve.add, list[str]()

    def jumped() -> float:
        return real() + (float(detail) if noted else 0)

    def watched(self: Curve, name: str, value: float, step: int) -> None:
        noted.append(name)
        add(self, name, value, step)

    time.time = jumped
    Curve.add = watched  # type: ignore[method-assign]


def _lose_the_loss(stage: str, detail: str) -> None:
    from spikeseg_core.ann import training

    means = training._means

    def not_a_number(split: str, *rows: Any, **options: Any) -> dict[str, float]:
        return dict.fromkeys(means(split, *rows, **options), float("nan"))

    training._means = not_a_number


def _stop(stage: str, detail: str) -> None:
    def stop(file: Path) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    _at_writes(stop, stage, "1")


TROUBLES: dict[str, Callable[[str, str], None]] = {
    "kill": lambda stage, name: _at_writes(_die, stage, name),
    "tear": lambda stage, name: _at_writes(_tear, stage, name),
    "append": _die_appending,
    "clock": _jump,
    "nan": _lose_the_loss,
    "stop": _stop,
}


if __name__ == "__main__":
    main()
