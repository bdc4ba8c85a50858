from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.storage import write_json
from tasks.cleaning import delete, is_in_use, megabytes, waste
from tasks.folder import TRACKING, write_record
from tasks.in_use import release, use
from tasks.local import state
from tests.tasks.runs import stage_record


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path))


def made(stage: str, key: str, run: str = "", **record: Any) -> Path:
    folder = state.current().stage_folder(stage, key)
    folder.mkdir(parents=True)
    (folder / "weights.npz").write_bytes(bytes(500_000))
    write_record(folder, stage_record(stage, key, **record))
    write_json(folder / TRACKING, {stage: {"run_id": run}})
    return folder


def paths(*registered: str, everything: bool = False) -> set[Path]:
    return {each.path for each in waste(registered, everything=everything)}


def test_the_newest_of_every_preset_and_what_it_was_made_from_stay() -> None:
    old = made("prepare", "old", started=1.0)
    spare = made("prepare", "spare", started=2.0)
    made("prepare", "new", started=3.0)
    quick = made("train", "quick", preset="quick", started=1.0, inputs={"prepare": "old"})
    assert paths() == {spare}
    assert paths(everything=True) == {
        *(old, spare, quick),
        state.current().stage_folder("prepare", "new"),
    }


def test_what_a_registered_model_needs_stays_whatever_is_asked() -> None:
    made("prepare", "old")
    made("train", "old", "the run", inputs={"prepare": "old"})
    other = made("train", "other", "another run")
    assert paths("the run", everything=True) == {other}


def test_unfinished_stages_and_downloads_go_only_if_all_is_asked_for() -> None:
    here = state.current()
    half = here.stage_folder("tune", "half")
    half.mkdir(parents=True)
    here.cache.mkdir(parents=True, exist_ok=True)
    (here.home / "logs").mkdir()
    assert {each.what for each in waste(())} == {"logs of the servers"}
    every = {each.what: each.costs for each in waste((), everything=True)}
    assert every["unfinished stage"] == "what it has done so far"
    assert every["downloads"] == "downloaded again"


def test_sizes_are_told_and_deleting_deletes() -> None:
    folder = made("prepare", "old")
    (found,) = waste((), everything=True)
    assert found.megabytes == megabytes(folder)
    assert 0.5 <= found.megabytes < 0.6
    delete([found])
    assert not folder.exists()


def test_nothing_goes_while_a_run_is_going_on() -> None:
    folder = made("prepare", "old")
    use(state.current().stages)
    try:
        assert is_in_use()
        with pytest.raises(ConfigError, match="a run is going on"):
            delete(waste((), everything=True))
        assert folder.exists()
    finally:
        release(state.current().stages)
    assert not is_in_use()
