import pytest
from pydantic import ValidationError

from spikeseg_core.config import (
    DatasetConfig,
    PipelineConfig,
    PresentationConfig,
    StageConfig,
)


def test_every_setting_is_explained() -> None:
    for section in PipelineConfig.model_fields.values():
        model = section.annotation
        for name, setting in getattr(model, "model_fields", {}).items():
            assert setting.description, f"{model.__name__}.{name} has no description"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DatasetConfig(source="folder"), "needs path"),
        (lambda: DatasetConfig(folds=2), "folds: 2 leave no section to train on"),
        (lambda: DatasetConfig(folds=6, fold=6), "no fold 6; 6 folds have the numbers 0 to 5"),
        (lambda: DatasetConfig(fold=1), "fold: 1 needs folds"),
        (lambda: PresentationConfig(steps=0), "greater than or equal to 5"),
    ],
)
def test_wrong_settings_are_refused(build, message) -> None:
    with pytest.raises(ValidationError, match=message):
        build()


@pytest.mark.parametrize(
    ("steps", "window", "start"), [(100, 0.5, 50), (50, 1.0, 0), (5, 0.05, 4), (200, 0.3, 140)]
)
def test_readout_window_is_the_last_part(steps, window, start) -> None:
    assert PresentationConfig(steps=steps, readout_window=window).readout_start == start


def sections() -> list[type[StageConfig]]:
    return [
        PipelineConfig,
        *(
            f.annotation
            for f in PipelineConfig.model_fields.values()
            if f.default is None or isinstance(f.default, StageConfig)
        ),
    ]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_setting_has_a_title_and_every_number_a_range(section) -> None:
    for name, setting in section.model_json_schema()["properties"].items():
        if "$ref" in setting:
            continue
        own = section.model_fields[name]
        assert own.title, f"{section.__name__}.{name} has no title"
        if setting.get("type") in ("integer", "number") and "enum" not in setting:
            assert {"minimum", "exclusiveMinimum"} & set(setting), name
            assert {"maximum", "exclusiveMaximum"} & set(setting), name
            assert setting["description"].endswith(")")
