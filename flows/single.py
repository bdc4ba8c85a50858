"""One stage alone, with its settings given as the command line gives them."""

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
    """Run the stage's flow, and return its reference with what it found.

    Raises
    ------
    ConfigError
        If the stage is unknown, or a setting is not one of its own.
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
    """Run the flow ``benchmark``: measure a model again, and compare with the last time.

    Raises
    ------
    ConfigError
        If the model is not known, or a setting is not the benchmark's or its tolerance's.
    """
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
    """Run the flow ``promote``.

    Raises
    ------
    ConfigError
        If the model is not known, or a setting is not the rule's.
    """
    from flows.promote import promote

    return _run(promote, {"model": model, "why": why, "by": by, "rule": parsed(changes)})


def run_report(preset: str, seeds: str | None, runs: Iterable[str]) -> dict[str, Any]:
    """Run the flow ``research_report``.

    Parameters
    ----------
    preset : str
        Whose runs are reported.
    seeds : str or None
        Such as ``"0,1,2"``.
    runs : iterable of str
        MLflow run ids of exactly the pipelines to report.

    Raises
    ------
    ConfigError
        If the preset or a run is unknown, or the seeds are no numbers.
    """
    from flows.research_report import research_report

    try:
        wanted = tuple(int(seed) for seed in (seeds or "").split(",") if seed.strip())
    except ValueError:
        raise ConfigError(f"cannot read the seeds {seeds!r}; write them as 0,1,2") from None
    return _run(research_report, {"preset": preset, "seeds": wanted, "runs": tuple(runs)})


def _run(flow: Flow[..., Result], parameters: dict[str, Any]) -> Result:
    """Run a flow; settings out of their bounds are the user's mistake."""
    set_up_for_prefect()
    try:
        return flow(**parameters)
    except ParameterTypeError as error:
        raise ConfigError(str(error)) from None
