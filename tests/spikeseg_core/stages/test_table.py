from __future__ import annotations

import ast
from pathlib import Path

import pytest

import spikeseg_core
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry

CORE = Path(spikeseg_core.__file__).parent


def test_every_stage_reads_stages_that_come_before_it() -> None:
    seen: set[str] = set()
    for name, one in registry.STAGES.items():
        assert set(one.upstream) <= seen
        seen.add(name)


def test_every_section_belongs_to_a_stage() -> None:
    declared = {section for one in registry.STAGES.values() for section in one.sections}
    assert declared == set(PipelineConfig.model_fields) - {"preset", "tolerance", "promotion"}


def of_config(node: ast.Attribute) -> bool:
    """Whether it is a section of a variable called ``config``."""
    known = isinstance(node.value, ast.Name) and node.value.id == "config"
    return known and node.attr in PipelineConfig.model_fields


@pytest.mark.parametrize("name", registry.STAGES)
def test_a_stage_reads_no_setting_that_is_not_in_its_key(name: str) -> None:
    """A setting that a stage reads but does not declare would let an old result pass for new."""
    source = CORE / "stages" / f"{name}.py"
    if not source.exists():
        pytest.skip("not written yet")
    attributes = [
        n for n in ast.walk(ast.parse(source.read_text())) if isinstance(n, ast.Attribute)
    ]
    read = [ast.unparse(node).removeprefix("config.") for node in attributes if of_config(node)]
    single = {
        ast.unparse(node).removeprefix("config.")
        for node in attributes
        if isinstance(node.value, ast.Attribute) and of_config(node.value)
    } & set(registry.stage(name).single_settings)
    other = [section for section in read if section not in registry.sections(name)]
    assert len(other) == len(single)


def test_the_stage_before() -> None:
    assert registry.before("prepare") is None
    assert registry.before("deploy") == "partition"


def test_an_unknown_stage_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown stage 'paint'; the stages are prepare, train"):
        registry.stage("paint")


def test_where_the_sections_came_from_counts_for_their_preparation_alone() -> None:
    quick = preset("quick")
    prepare = registry.determining_settings("prepare", quick)
    train = registry.determining_settings("train", quick)
    assert train["network"]["layers"]
    for change in ({"source": "synthetic"}, {"test_sections": 1}, {"folds": 6}, {"fold": 1}):
        other = quick.model_copy(update={"dataset": quick.dataset.model_copy(update=change)})
        assert prepare != registry.determining_settings("prepare", other)
        assert train == registry.determining_settings("train", other)
    cut = quick.dataset.model_copy(update={"tiles_per_axis": 2})
    assert train != registry.determining_settings(
        "train", quick.model_copy(update={"dataset": cut})
    )
