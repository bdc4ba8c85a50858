"""The whole pipeline: from sections to an energy report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field, WithJsonSchema

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.overrides import chosen, nested, once, shown
from spikeseg_core.config.stage_config import MOST_SEED
from spikeseg_core.errors import ConfigError
from tasks.mlflow.tracking import PipelineRun, pipeline_run
from tasks.offer import offer_registered
from tasks.prefect.names import named, rename
from tasks.prefect.progress import whole_run
from tasks.provenance import dataset_facts, dataset_label
from tasks.references import StageRef
from tasks.stage import STAGE_TASKS
from tasks.start_from import starting_from
from tasks.summary import conclude

prepare, train, tune, convert, quantize, partition, deploy, benchmark = STAGE_TASKS.values()


def _whole(low: int, high: int) -> WithJsonSchema:
    """Describe a whole number that may be left empty, without a choice of types in the form."""
    return WithJsonSchema({"type": "integer", "minimum": low, "maximum": high})


def _presets_own(section: str, name: str) -> str:
    """Say what an empty field means: ``empty: the preset's own, quick 45, paper 75``."""
    values = (f"{p} {getattr(getattr(c, section), name)}" for p, c in presets.PRESETS.items())
    return f"empty: the preset's own, {', '.join(values)}"


DATASET = Annotated[
    str,
    shown(
        "Dataset",
        "isbi2012, synthetic, or a folder, TIFF stack, HDF5 file or zip on the worker's machine; "
        "auto: ISBI 2012 if it is available, otherwise synthetic sections",
    ),
]
PRESET = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "enum": list(presets.PRESETS)}),
    shown(
        "Preset",
        "quick: small and done in minutes; paper: the paper's number of neurons; lean: the same on "
        "the chips, with less for their host to do",
    ),
]
SEED = Annotated[
    Annotated[int, Field(ge=0, le=MOST_SEED)] | None,
    _whole(0, MOST_SEED),
    shown("Seed", "of training and tuning; empty: 0"),
]
EPOCHS = Annotated[
    Annotated[int, Field(ge=1, le=2000)] | None,
    _whole(1, 2000),
    shown("Training epochs", f"{_presets_own('train', 'epochs')} (1 to 2000)"),
]
STEPS = Annotated[
    Annotated[int, Field(ge=5, le=2000)] | None,
    _whole(5, 2000),
    shown("Time steps per tile, ms", f"{_presets_own('presentation', 'steps')} (5 to 2000)"),
]
START_FROM = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    shown(
        "Start from",
        "registered model (NAME, NAME@ALIAS, NAME/VERSION) or MLflow run whose ANN the training "
        "starts from, with a third of the epochs; empty: random weights",
    ),
]
MORE = Annotated[
    dict[str, Any],
    shown(
        "More settings",
        'only what differs from the preset, such as {"tune.epochs": 8, "quantize.chips": 1}; the '
        "form of each stage lists its settings",
    ),
]


def settings(
    *,
    dataset: str,
    preset: str | None,
    seed: int | None,
    epochs: int | None,
    steps: int | None,
    config: Mapping[str, Any],
) -> tuple[PipelineConfig, set[str]]:
    """Build the configuration from the parameters of the flow, and name what they set.

    Raises
    ------
    ConfigError
        If a setting is unknown, out of bounds or given twice, or contradicts the preset.
    """
    more = once({name: nested(name, value) for name, value in config.items()})
    fields = {
        "the field Seed": {"train": {"seed": seed}, "tune": {"seed": seed}},
        "the field Training epochs": {"train": {"epochs": epochs}},
        "the field Time steps per tile": {"presentation": {"steps": steps}},
    }
    values = (seed, epochs, steps)
    given = {
        who: setting
        for (who, setting), value in zip(fields.items(), values, strict=True)
        if value is not None
    }
    together = once({**given, "the settings": more})
    asked = chosen(preset or str(more.get("preset", "quick")), dataset, together)
    return asked, set(presets.flat(together))


def run_name(config: PipelineConfig, source: str) -> str:
    """Name of a run: preset, sections, fold and seed, such as ``paper-isbi2012-seed0``."""
    folds, fold = config.dataset.folds, config.dataset.fold
    part = f"-fold{fold}of{folds}" if folds > 1 else ""
    return f"{config.preset}-{source}{part}-seed{config.train.seed}"


def _first_name() -> str:
    """Name of the run until its sections are known; that of a refused one is its preset."""
    parameters = {n: v for n, v in flow_run.parameters.items() if n != "start_from"}
    try:
        config, _ = settings(**parameters)
    except ConfigError:
        return str(parameters.get("preset") or "pipeline")
    return run_name(config, config.dataset.source)


@flow(name="pipeline", flow_run_name=named(_first_name))
def pipeline(
    *,
    dataset: DATASET = "auto",
    preset: PRESET = None,
    seed: SEED = None,
    epochs: EPOCHS = None,
    steps: STEPS = None,
    start_from: START_FROM = None,
    config: MORE = {},  # noqa: B006 - Prefect reads its form from it, and nothing changes it
) -> dict[str, Any]:
    """Turn a segmentation U-Net into a spiking network on Loihi, from sections to energy.

    Finished stages with the same settings, data and code are reused. The summary that is returned
    is also written to summary.json.
    """
    asked, given = settings(
        dataset=dataset, preset=preset, seed=seed, epochs=epochs, steps=steps, config=config
    )
    if start_from:
        asked = starting_from(start_from, asked, given)
    first_name = run_name(asked, asked.dataset.source)
    name = flow_run.name or first_name
    with pipeline_run(asked, name) as run, whole_run(list(STAGE_TASKS), asked.preset):
        sections = prepare(asked)
        if run.name == first_name:  # not one that the user gave it
            _say_which_sections(run, sections)
        offer_registered(asked, sections)
        ann = train(asked, sections)
        tuned = tune(asked, sections, ann)
        spiking = convert(asked, sections, tuned)
        core_blocks = quantize(asked, tuned, spiking)
        chip_map = partition(asked, tuned, core_blocks, spiking)
        deployed = deploy(asked, sections, tuned, core_blocks, chip_map)
        made = [sections, ann, tuned, spiking, core_blocks, chip_map, deployed]
        energy = benchmark(asked, *made)
        return conclude(run, [*made, energy])


def _say_which_sections(run: PipelineRun, sections: StageRef) -> None:
    """Name the run in Prefect and MLflow after the sections that it found."""
    name = run_name(run.config, dataset_label(dataset_facts({"prepare": sections.key})))
    rename(name)
    run.rename(name)
