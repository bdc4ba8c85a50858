from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.points import expand
from tasks.studies import FOLDER, Study, definition


def test_every_file_has_its_name_in_the_form() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {study.value for study in Study}


@pytest.mark.parametrize("study", Study)
def test_every_one_is_a_sweep_with_settings_that_exist(study: Study) -> None:
    asked = definition(study.value)
    assert asked.question
    if asked.search is None:
        assert expand(asked)


def test_a_yaml_file_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("title: Own\ngrid: {train.epochs: [1, 2]}\n")
    assert definition(str(file)).grid == {"train.epochs": (1, 2)}
    file.write_text("title: Own\ngrid: {train.epochs: [1, 2]}\nseeds: [a]\n")
    with pytest.raises(ConfigError, match=r"own\.yaml:\nseeds\.0: "):
        definition(str(file))
    file.write_text("title: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        definition(str(file))
    with pytest.raises(ConfigError, match="ablation-bits"):
        definition("nothing-like-it")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "alias"),
        (b"[" * 50_000, "nested too deeply"),
        (b"\xff\xfe", "decode"),
        (b"grid: {train.learning_rate: [.nan]}", "learning_rate"),
    ],
)
def test_a_file_that_is_hostile_is_one_message(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        expand(definition(str(file)))
