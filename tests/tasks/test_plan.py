from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.stages import table as registry
from tasks import plan
from tasks.folder import write_record
from tasks.local import state
from tasks.local.machine import FINGERPRINT, machine_tags
from tests.tasks.runs import QUICK, changed, stage_record


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path))
    plan._records.cache_clear()


def ran(stage: str, seconds: float, key: str, machine: str = "") -> None:
    """Leave the record of a run of this stage with the quick preset."""
    folder = state.current().stage_folder(stage, key)
    folder.mkdir(parents=True)
    (folder / "result.npz").write_bytes(bytes(2_000_000))
    record = stage_record(
        stage,
        key,
        seconds=seconds,
        settings=registry.settings(stage, QUICK),
        machine={FINGERPRINT: machine or machine_tags()[FINGERPRINT]},
    )
    write_record(folder, record)


def step(stage: str, config=QUICK) -> plan.Step:  # type: ignore[no-untyped-def]
    return next(one for one in plan.steps(config) if one.stage == stage)


def test_the_median_of_runs_with_the_same_settings_here() -> None:
    for key, seconds in (("a", 10.0), ("b", 30.0), ("c", 20.0)):
        ran("train", seconds, key)
    ran("train", 1000.0, "d", machine="another")
    found = step("train")
    assert (found.cached, found.seconds, found.basis) == (
        False,
        20.0,
        "3 runs with the same settings",
    )
    assert found.megabytes == pytest.approx(2.0, abs=0.1)
    assert step("tune").basis == "no past run on this machine"


def test_other_settings_are_scaled_by_the_work_and_other_networks_do_not_count() -> None:
    ran("train", 10.0, "a")
    longer = changed(train={"epochs": 3 * QUICK.train.epochs})
    assert step("train", longer).seconds == pytest.approx(30.0)
    assert step("train", preset("paper")).seconds is None


def test_a_tiny_run_does_not_stand_for_a_long_one() -> None:
    ran("train", 30.0, "a")  # most of which is starting up
    longer = step("train", changed(train={"epochs": 11 * QUICK.train.epochs}))
    assert (longer.seconds, longer.basis) == (None, "past runs do too much less or more")


def test_a_stage_after_an_unfinished_one_has_a_stand_in_for_its_key() -> None:
    first, same, other = (
        plan.steps(config) for config in (QUICK, QUICK, changed(tune={"epochs": 99}))
    )
    assert [one.token for one in first] == [one.token for one in same]
    alike = [a.token == b.token for a, b in zip(first, other, strict=True)]
    assert alike == [True, True, *[False] * 6]
    assert len(plan.unique([first, same, other])) == 14


def test_the_work_is_tiles_or_sections_and_never_none() -> None:
    settings = {name: registry.settings(name, QUICK) for name in registry.STAGES}
    train = QUICK.train
    tiles = train.epochs * train.steps_per_epoch * train.batch_size
    assert plan.work("train", settings["train"]) == tiles
    taught = {"train": settings["train"]["train"] | {"distillation_epochs": train.epochs}}
    assert plan.work("train", taught) == 2 * tiles
    taught["train"]["teachers"] = 3
    assert plan.work("train", taught) == 4 * tiles
    shown = QUICK.presentation.steps
    assert plan.work("deploy", settings["deploy"]) == shown * plan.work(
        "quantize", settings["quantize"]
    )
    none = {"tune": {"epochs": 0, "spiking_epochs": 0, "steps_per_epoch": 2, "batch_size": 3}}
    assert plan.work("tune", none) == 6
