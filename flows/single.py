"""Single flows with the settings of the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from spikeseg_core.config import PipelineConfig, PromotionConfig
from spikeseg_core.config.listing import did_you_mean
from spikeseg_core.config.overrides import parsed, shortened
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.folder import read_record
from tasks.prefect.bootstrap import set_up_for_prefect, share_console

if TYPE_CHECKING:
    from prefect import Flow

Result = TypeVar("Result")


def run_stage_alone(name: str, after: str | None, changes: Iterable[str]) -> dict[str, Any]:
    """Run a stage's flow; returns its reference with metrics and facts.

    Raises
    ------
    ConfigError
        If the stage is unknown or does not take one of the settings.
    """
    given = _checked(registry.stage(name), after, parsed(changes))
    from flows.stages import FLOWS

    ref = _run(FLOWS[name], given)
    outcome = read_record(ref.folder).outcome
    return {**ref.model_dump(), "metrics": outcome.metrics, "facts": outcome.facts}


def _checked(one: registry.Stage, after: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's parameters; what is wrong is said before anything heavy is imported."""
    known = {*one.sections} if one.upstream else {*one.sections, "network"} - {"train"}
    if unknown := set(given) - known - {"again"}:
        hints = "".join(dict.fromkeys(did_you_mean(name) for name in sorted(unknown)))
        raise ConfigError(
            f"stage {one.name!r} takes settings of {', '.join(sorted(known))}, not of "
            f"{', '.join(sorted(unknown))}; those come from the stages before it{hints}"
        )
    try:
        PipelineConfig.model_validate({name: given[name] for name in one.sections if name in given})
    except ValidationError as error:
        raise ConfigError(shortened(error)) from None
    if after is None:
        return dict(given)
    if not one.upstream:
        raise ConfigError(f"stage {one.name!r} is the first; it takes no --after")
    return {**given, "after": after}


def run_benchmark(model: str | None, changes: Iterable[str]) -> dict[str, Any]:
    """Run the flow ``benchmark``; an unknown model or setting is a :class:`ConfigError`."""
    from flows.benchmark import benchmark

    given = parsed(changes)
    if unknown := set(given) - {"benchmark", "tolerance"}:
        raise ConfigError(
            f"the benchmark takes settings of benchmark and tolerance, not of "
            f"{', '.join(sorted(unknown))}; those come from the model's run"
        )
    return _run(benchmark, {"model": model, **given})


def run_promotion(
    model: str, why: str | None, by: str | None, changes: Iterable[str]
) -> dict[str, Any]:
    """Run the flow ``promote``, without a server the same at once and without Prefect.

    An unknown model or setting is a :class:`ConfigError`.
    """
    given = parsed(changes)
    if not os.environ.get("PREFECT_API_URL"):
        from tasks.mlflow.champion import promote as decide

        try:
            rule = PromotionConfig.model_validate(given)
        except ValidationError as error:
            raise ConfigError(shortened(error)) from None
        return decide(model, why, by, rule).plain()
    from flows.promote import promote

    return _run(promote, {"model": model, "why": why, "by": by, "rule": given})


def run_report(
    preset: str, seeds: str | None, runs: Iterable[str], *, run_missing: bool = False
) -> dict[str, Any]:
    """Run the flow ``research_report``, with seeds such as ``"0,1,2"`` or run ids.

    A pipeline is run only with ``run_missing``. Without a server and without anything to run, no
    server is started.

    Raises
    ------
    ConfigError
        If the preset or a run is unknown, the seeds are not numbers, or a run is missing.
    """
    from tasks.missing import missing_runs, seeds_of

    wanted = seeds_of(seeds)
    from flows.research_report import research_report

    given: dict[str, Any] = {"preset": preset, "seeds": wanted, "runs": tuple(runs)}
    missing = [] if given["runs"] else missing_runs(preset, wanted)
    if missing and not run_missing:
        which = ", ".join(str(config.train.seed) for config in missing)
        raise ConfigError(
            f"preset {preset!r} has no finished run with seed {which}; `spikeseg report --preset "
            f"{preset} --run-missing` runs it first, --dry-run says how long that takes"
        )
    if not missing and not os.environ.get("PREFECT_API_URL"):
        share_console()
        return research_report.fn(**given)  # Prefect has nothing to show or to repeat
    return _run(research_report, given)


def _run(flow: Flow[..., Result], parameters: dict[str, Any]) -> Result:
    """Run a flow; a setting out of bounds is the user's mistake."""
    set_up_for_prefect()
    from prefect.exceptions import ParameterTypeError

    try:
        return flow(**parameters)
    except ParameterTypeError as error:
        raise ConfigError(str(error)) from None
