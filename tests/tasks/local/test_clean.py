from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import ConfigError
from tasks.folder import RECORD
from tasks.in_use import release, use
from tasks.local import clean as cleaning
from tasks.local import state
from tasks.mlflow.reader import Reader

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def stages(first: dict[str, Any]) -> Iterator[Path]:
    """Stages of a finished run, an older training of the same preset, and an unfinished one."""
    here = state.current().stages
    (newest,) = here.glob("train-*")
    old = here / "train-0000000000000000"
    shutil.copytree(newest, old)
    text = (old / RECORD).read_text().replace('"started": ', '"started": -')
    (old / RECORD).write_text(text)
    (here / "tune-1111111111111111").mkdir()
    yield here
    release(here)


def gone(result: dict[str, Any]) -> set[str]:
    return {Path(each["path"]).name for each in result["found"]}


def test_only_what_no_newest_run_would_reuse_can_go(
    stages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(stages.iterdir())
    assert gone(cleaning.clean()) == {"train-0000000000000000"}
    said = capsys.readouterr().out
    assert "can be freed" in said
    assert "`spikeseg clean --yes` deletes it" in said
    assert set(stages.iterdir()) >= before
    cleaning.clean(delete=True)
    assert "freed in" in capsys.readouterr().out
    assert not (stages / "train-0000000000000000").exists()
    assert len(list(stages.glob("*/stage.json"))) == 8


def test_everything_leaves_what_a_registered_model_needs(
    stages: Path, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = first["mlflow"]["run_ids"]["convert"]
    monkeypatch.setattr(Reader, "registered_runs", lambda self: [run])
    cleaning.clean(delete=True, everything=True)
    left = {folder.name.partition("-")[0] for folder in stages.glob("*/")}
    assert left == {"prepare", "train", "tune", "convert"}
    assert len(list(stages.glob("*/"))) == 4


def test_nothing_goes_while_a_run_is_going_on(stages: Path) -> None:
    use(stages)
    with pytest.raises(ConfigError, match="a run is going on"):
        cleaning.clean(delete=True)
    assert (stages / "train-0000000000000000").exists()


def test_nothing_goes_if_mlflow_does_not_say_what_is_registered(
    stages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Reader) -> list[str]:
        raise OSError("no answer")

    monkeypatch.setattr(Reader, "registered_runs", away)
    with pytest.raises(ConfigError, match="which models are registered"):
        cleaning.clean(delete=True)
