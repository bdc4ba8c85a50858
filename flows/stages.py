"""A flow for every stage, to run it alone on the results of the stages before it.

The flows are made from the core's table of stages. The form of each shows only the settings that
the stage adds; the earlier stages keep theirs. ``after`` is the MLflow run id of the preceding
stage or of a whole pipeline; the default is the newest finished stage.
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import Flow, flow
from prefect.runtime import flow_run

from spikeseg_core.config import PipelineConfig, StageConfig, TrainConfig, presets
from spikeseg_core.config.overrides import shown
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import catalogue
from spikeseg_core.stages.table import STAGES, Stage
from tasks.folder import forget, read_record, stage_key
from tasks.lookup import inputs_after
from tasks.mlflow import champion
from tasks.prefect.names import named
from tasks.references import StageRef
from tasks.stage import STAGE_TASKS


def run_after(
    name: str, after: str | None, *, again: bool = False, **sections: StageConfig
) -> StageRef:
    """Run one stage with these sections of :class:`PipelineConfig`.

    ``again`` repeats a finished stage, for example to measure again.

    Raises
    ------
    ConfigError
        If an input is missing, or was made for another tile size.
    """
    upstream = inputs_after(name, after)
    earlier: dict[str, Any] = {}
    for each in upstream:
        record = read_record(each.folder)
        earlier |= {**record.settings, "preset": record.preset}
    config = PipelineConfig.model_validate(
        earlier | {section: values.model_dump() for section, values in sections.items()}
    )
    preset = presets.of_network(config.train.network, otherwise=config.preset)
    config = config.model_copy(update={"preset": preset})
    if "train" in earlier:
        _same_tile(str(earlier["train"]["network"]), config.train.network)
    if again:
        forget(name, stage_key(name, config, upstream))
    ref = STAGE_TASKS[name](config, *upstream)
    known = {each.stage: each for each in (*upstream, ref)}
    if "deploy" in known:
        champion.consider(known["deploy"], known.get("benchmark"), config.promotion)
    return ref


def _same_tile(before: str, now: str) -> None:
    old, new = catalogue.network(before).tile, catalogue.network(now).tile
    if old != new:
        raise ConfigError(
            f"the dataset was prepared for tiles of {old} px, but network {now!r} takes {new} px; "
            f"run the stage 'prepare' with network {now!r} first"
        )


AFTER = Annotated[
    str | None,
    shown("After", "MLflow run id of the preceding stage or a pipeline; if empty, the newest"),
]
NETWORK = Annotated[
    str,
    shown("Network", "sets the tile size of the dataset", enum=list(catalogue.NETWORKS)),
]
AGAIN = Annotated[bool, shown("Again", "repeat the stage even if it is finished")]


def stage_flow(one: Stage, name: str) -> Flow[..., StageRef]:
    """Make the flow that runs one stage alone; its parameters are the fields of the form."""
    signature = Signature(_parameters(one))

    def run(*arguments: Any, **by_name: Any) -> StageRef:
        given = signature.bind(*arguments, **by_name)
        given.apply_defaults()
        sections = dict(given.arguments)
        after, again = sections.pop("after", None), sections.pop("again")
        if network := sections.pop("network", None):
            sections["train"] = TrainConfig(network=network)
        return run_after(one.name, after, again=again, **sections)

    run.__name__ = run.__qualname__ = one.name
    run.__doc__ = one.description
    run.__signature__ = signature  # type: ignore[attr-defined]
    says = named(lambda: one.run_name.format(**flow_run.parameters))
    return flow(name=name, flow_run_name=says)(run)


def _parameters(one: Stage) -> list[Parameter]:
    """Sections of settings that the stage adds, and the run that it follows.

    The first stage follows none and takes only the network's name of the training settings.
    """

    def parameter(name: str, kind: Any, default: Any) -> Parameter:
        return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)

    kinds = {section: PipelineConfig.model_fields[section].annotation for section in one.sections}
    if not one.upstream:
        del kinds["train"]
    sections = [parameter(name, kind, kind()) for name, kind in kinds.items() if kind is not None]
    follows = (
        parameter("after", AFTER, None) if one.upstream else parameter("network", NETWORK, "quick")
    )
    return [*sections, follows, parameter("again", AGAIN, False)]


# The flow "benchmark" is a different one: it measures a model again and reports changes.
FLOWS = {
    one.name: stage_flow(one, "benchmark-stage" if one.name == "benchmark" else one.name)
    for one in STAGES.values()
}


def __getattr__(name: str) -> Flow[..., StageRef]:
    """Return a stage's flow by its name, for deployments such as ``flows/stages.py:train``."""
    if name not in FLOWS:
        raise AttributeError(f"{__name__} has no {name}; its flows are {', '.join(FLOWS)}")
    return FLOWS[name]
