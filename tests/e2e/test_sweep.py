"""Points and folds over two Dask workers: shared work is done once, the numbers stay the same."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.e2e.conftest import Spikeseg, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

TINY = """\
fixed:
  dataset.source: synthetic
  dataset.synthetic_size: 192
  dataset.train_sections: 1
  dataset.validation_sections: 1
  dataset.test_sections: 1
  dataset.tiles_per_axis: 1
  train.epochs: 1
  train.steps_per_epoch: 2
  train.batch_size: 2
  tune.epochs: 1
  tune.spiking_epochs: 0
  tune.steps_per_epoch: 1
  tune.batch_size: 2
"""

TWO_POINTS = f"""
title: Two points
preset: quick
{TINY}grid:
  tune.rate_weight: [0.05, 0.2]
until: tune
metrics: [ann/test/pixel_accuracy, rate_tuned/test/pixel_accuracy, rate_tuned/test/v_info]
picture:
  x: {{metric: rate_tuned/spikes/mean_rate_hz, goal: minimize}}
  y: {{metric: rate_tuned/validation/v_info}}
choice: {{best: {{metric: rate_tuned/validation/v_info}}}}
"""


def run(home: Path, file: Path, workers: int) -> tuple[dict[str, Any], str]:
    out = home.with_suffix(".json")
    words = ("sweep", str(file), "--workers", str(workers), "--json", str(out))
    output = Spikeseg(home).run(*words, seconds=850)
    return json.loads(out.read_text()), output


def test_two_workers_share_one_dataset_and_one_training(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO_POINTS)
    summary, said = run(tmp_path / "two", file, 2)
    assert summary["failed"] == []
    assert len(summary["points"]) == 2
    assert len(set(pd.read_parquet(summary["table"])["rate_tuned/test/v_info"])) > 1
    assert len(list((tmp_path / "two" / "stages").glob("train-*"))) == 1
    assert "waiting for it" in said


THREE_FOLDS = f"""
title: Three folds
preset: quick
folds: 3
{TINY}until: tune
metrics: [rate_tuned/test/v_rand_carried]
"""


def test_a_killed_cross_validation_goes_on_and_two_workers_give_the_same_table(
    tmp_path: Path,
) -> None:
    file = tmp_path / "folds.yaml"
    file.write_text(THREE_FOLDS)
    home = tmp_path / "one"
    killed = Spikeseg(home).start("sweep", str(file))

    def trained() -> list[Path]:
        return sorted((home / "stages").glob("train-*/stage.json"))

    until(lambda: trained() or killed.poll() is not None, "the first training", 400)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    first = trained()
    assert 1 <= len(first) < 3
    before = first[0].stat().st_mtime_ns

    one, said = run(home, file, 1)
    assert len(trained()) == 3
    assert first[0].stat().st_mtime_ns == before
    assert "SYNTHETIC" in said
    assert (one["folds"], one["sections"]) == (3, 3)
    assert list(one["stages"]) == ["ann", "rate_tuned", "ann_agglomerated"]
    two, _ = run(tmp_path / "two", file, 2)
    for part in ("stages", "paired", "steps"):
        assert one[part] == two[part]
    assert one["stages"]["ann"] != one["stages"]["rate_tuned"]
