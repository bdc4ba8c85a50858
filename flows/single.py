"""Single flows with the settings of the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

from flows.stages import FLOWS

# isort: split
from prefect import Flow
from prefect.exceptions import ParameterTypeError

from spikeseg_core.config.overrides import parsed
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.folder import read_record
from tasks.prefect.bootstrap import set_up_for_prefect

Result = TypeVar("Result")


def run_stage_alone(name: str, after: str | None, changes: Iterable[str]) -> dict[str, Any]:
    """Run a stage's flow; returns its reference with metrics and facts.

    Raises
    ------
    ConfigError
        If the stage is unknown or does not take one of the settings.
    """
    flow = FLOWS[registry.stage(name).name]
    known = set(inspect.signature(flow.fn).parameters) - {"after", "again"}
    given = parsed(changes)
    if unknown := set(given) - known - {"again"}:
        raise ConfigError(
            f"stage {name!r} takes settings of {', '.join(sorted(known))}, not of "
            f"{', '.join(sorted(unknown))}; those come from the stages before it"
        )
    if after is not None:
        if "after" not in inspect.signature(flow.fn).parameters:
            raise ConfigError(f"stage {name!r} is the first; it takes no --after")
        given["after"] = after
    ref = _run(flow, given)
    outcome = read_record(ref.folder).outcome
    return {**ref.model_dump(), "metrics": outcome.metrics, "facts": outcome.facts}


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
    """Run the flow ``promote``; an unknown model or setting is a :class:`ConfigError`."""
    from flows.promote import promote

    return _run(promote, {"model": model, "why": why, "by": by, "rule": parsed(changes)})


def run_report(preset: str, seeds: str | None, runs: Iterable[str]) -> dict[str, Any]:
    """Run the flow ``research_report``, with seeds such as ``"0,1,2"`` or run ids.

    Raises
    ------
    ConfigError
        If the preset or a run is unknown, or the seeds are not numbers.
    """
    from flows.research_report import research_report

    try:
        wanted = tuple(int(seed) for seed in (seeds or "").split(",") if seed.strip())
    except ValueError:
        raise ConfigError(f"cannot read the seeds {seeds!r}; write them as 0,1,2") from None
    return _run(research_report, {"preset": preset, "seeds": wanted, "runs": tuple(runs)})


def _run(flow: Flow[..., Result], parameters: dict[str, Any]) -> Result:
    """Run a flow; a setting out of bounds is the user's mistake."""
    set_up_for_prefect()
    try:
        return flow(**parameters)
    except ParameterTypeError as error:
        raise ConfigError(str(error)) from None
