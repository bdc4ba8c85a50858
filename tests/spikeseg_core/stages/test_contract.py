"""All eight stages on a tiny network with seeded weights: each reads what the one before wrote.

Every stage is given folders that hold only the files that ``artifacts.py`` says it reads, and has
to leave the files that it says it writes. What comes out is compared with ``golden.json``: integers
exactly, scores within ``TOLERANCE``, because kernels in floating point differ between processors.
After a change that is meant to change them: ``python -m tests.spikeseg_core.stages.test_contract``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spikeseg_core.config import (
    BenchmarkConfig,
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
)
from spikeseg_core.energy.devices import cpu, machine
from spikeseg_core.figures.stages import draw, module_of
from spikeseg_core.loihi.integer_network import ARRAYS_FILE
from spikeseg_core.network import IMAGE, Weights, catalogue, kernel_key
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import table, train, tune
from spikeseg_core.stages.artifacts import (
    CORES,
    INTEGER,
    MAPPING,
    PLACEMENT,
    read_by,
    written_by,
)
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import digest_arrays, digest_json, load_arrays
from tests.spikeseg_core.ann.networks import TINY
from tests.spikeseg_core.data.small import small_dataset
from tests.spikeseg_core.energy.test_comparison import HOST
from tests.spikeseg_core.loihi.networks import random_weights

GOLDEN = Path(__file__).with_name("golden.json")

TOLERANCE = 0.02
"""A pixel on the edge of the threshold may fall on either side, and its tile's spikes with it."""

SCORES = ("test/pixel_accuracy", "test/membrane_iou", "test/v_rand", "test/v_info")

CONFIG = PipelineConfig(
    dataset=small_dataset(8, 2, 1, 1),
    train=TrainConfig(network="tiny"),
    presentation=PresentationConfig(steps=20),
    quantize=QuantizeConfig(mapping="square"),
    deploy=DeployConfig(presentation_steps=(10, 20), readout_windows=(0.25,), early_exit=()),
    benchmark=BenchmarkConfig(batch_size=2, repeats=2),
)

Made = dict[str, tuple[Path, StageResult]]


def run_all(base: Path, patch: pytest.MonkeyPatch) -> Made:
    """Run the stages; training gives the seeded weights."""
    weights = seeded_weights()
    trained = (weights, pd.DataFrame({"epoch": [1, 2], "train/loss": [1.0, 0.5]}))
    patch.setitem(catalogue.NETWORKS, "tiny", TINY)
    # Which runtime is fastest differs between machines, and its int8 from that of the others.
    patch.setattr(cpu, "OF_ONNX", {})
    # What the host takes decides which point needs the least energy.
    patch.setattr(machine, "measure_host", lambda *_, **__: HOST)
    patch.setattr(train, "train", lambda *_, **__: trained)
    patch.setattr(tune, "tune", lambda *_, **__: trained)
    patch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.0)
    patch.setattr("spikeseg_core.energy.devices.cpu.SECONDS_OF_CHOICE", 0.0)
    made: Made = {}
    for name, stage in table.STAGES.items():
        folder = base / name
        folder.mkdir()
        inputs = readable(name, {done: path for done, (path, _) in made.items()}, base)
        made[name] = folder, table.function(stage)(CONFIG, inputs, folder, SILENT)
    return made


def seeded_weights() -> Weights:
    """Weights that call dark pixels membrane, with noise on them."""
    weights = random_weights(np.random.default_rng(0), TINY, scale=0.2)
    dark, passed, read = (
        weights.kernels[kernel_key(target, source)]
        for target, source in (("stem", IMAGE), ("up", "stem"), (None, "up"))
    )
    read[:] *= 0.1
    dark[..., 0] -= 1 / 16
    passed[1, 1, 0, 0] += 1
    read[1:3, 1:3, 0] += 2
    weights.biases["readout"][:] = -1
    return weights


def readable(stage: str, folders: Mapping[str, Path], base: Path) -> dict[str, Path]:
    """Copies of the folders of the stages before it, with nothing but what the stage reads."""
    inputs = {name: base / f"for_{stage}" / name for name in table.stage(stage).upstream}
    for artifact in read_by(stage):
        source = folders[artifact.writer] / artifact.name
        target = inputs[artifact.writer] / artifact.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.exists() or not artifact.optional:
            os.link(source, target)
    return inputs


def facts(made: Made) -> dict[str, Any]:
    """Digests of what is made of integers, and scores."""
    folders = {name: folder for name, (folder, _) in made.items()}
    integer = load_arrays(folders["quantize"] / INTEGER / ARRAYS_FILE)
    cores = pd.read_parquet(folders["quantize"] / CORES).select_dtypes("integer")
    return {
        "digests": {
            "dataset": made["prepare"][1].facts["sha256"],
            "integer network": digest_arrays(integer),
            MAPPING: digest_json(json.loads((folders["quantize"] / MAPPING).read_text())),
            CORES: digest_json(cores.to_dict("list")),
            PLACEMENT: digest_json(json.loads((folders["partition"] / PLACEMENT).read_text())),
        },
        "scores": {
            tag: {name: round(metrics[name], 4) for name in SCORES}
            for _, result in made.values()
            for tag, metrics in result.metrics.items()
            if set(SCORES) <= set(metrics)
        },
    }


@pytest.mark.parametrize("name", table.STAGES)
def test_a_stage_writes_what_the_table_says(made: Made, name: str) -> None:
    folder, result = made[name]
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".png"
    }
    declared = written_by(name)
    assert found <= {artifact.name for artifact in declared}
    assert found >= {artifact.name for artifact in declared if not artifact.optional}
    assert {path.relative_to(folder).as_posix() for path in result.tables} <= found


@pytest.mark.parametrize("name", list(filter(module_of, table.STAGES)))
def test_pictures_are_drawn_from_what_was_written(made: Made, name: str) -> None:
    folders = {done: folder for done, (folder, _) in made.items()}
    drawn = draw(name, CONFIG, folders, folders[name])
    assert drawn
    for path in drawn:
        assert path.parent == folders[name]
        with Image.open(path) as picture:
            assert picture.width > 300


def test_integers_are_the_golden_ones(made: Made) -> None:
    assert facts(made)["digests"] == json.loads(GOLDEN.read_text())["digests"]


def test_scores_are_the_golden_ones(made: Made) -> None:
    golden = json.loads(GOLDEN.read_text())["scores"]
    timed = made["benchmark"][1].facts["cpu_runtimes"].values()
    assert {runtime for tried in timed for runtime in tried} == {cpu.TFLITE}
    found = facts(made)["scores"]
    assert found.keys() == golden.keys()
    for tag, scores in golden.items():
        assert found[tag] == pytest.approx(scores, abs=TOLERANCE), tag


if __name__ == "__main__":
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patched:
        GOLDEN.write_text(json.dumps(facts(run_all(Path(temporary), patched)), indent=2) + "\n")
