import pytest
from pydantic import ValidationError

from spikeseg_core.config import BenchmarkConfig, DatasetConfig, PipelineConfig
from spikeseg_core.config.stage_config import RENAMED


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DatasetConfig(sorce="auto"), "Extra inputs"),
        (
            lambda: BenchmarkConfig(settling=()),
            "the setting benchmark.settling is now called deploy.early_exit",
        ),
        (
            lambda: PipelineConfig.model_validate({"deploy": {"anytime_steps": [25]}}),
            "deploy.anytime_steps is now called deploy.presentation_steps",
        ),
    ],
)
def test_names_that_do_not_exist_or_went_away_are_refused(build, message) -> None:
    with pytest.raises(ValidationError, match=message):
        build()


def test_every_setting_that_was_renamed_has_a_new_one() -> None:
    sections = {name: field.annotation for name, field in PipelineConfig.model_fields.items()}
    for old, new in RENAMED.items():
        section, name = new.split(".")
        assert name in sections[section].model_fields
        section, name = old.split(".")
        assert name not in sections[section].model_fields
