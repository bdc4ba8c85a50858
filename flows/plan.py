"""`--dry-run`: what would run, what is cached, how long it takes and what it needs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.stages import table as registry
from tasks.local import state
from tasks.plan import Step, steps, unique
from tasks.terminal import plain_console

LOGGED_TWICE = 4.0
"""Files of a run in MLflow and in the stage folders, over those in the stage folders alone."""


def plan_run(config: PipelineConfig) -> dict[str, Any]:
    """Print and return the plan of a pipeline."""
    return _show(steps(config), config)


def plan_sweep(
    study: str,
    dataset: str,
    seeds: Sequence[int],
    changes: Sequence[str],
    preset: str | None = None,
) -> Any:
    """Print and return the plan of a sweep: stages that its points have in common run once."""
    from spikeseg_core.sweep.points import expand
    from tasks.studies import definition, fixed

    asked = definition(study).changed(fixed(dataset, changes), seeds, preset)
    if asked.search is not None:
        jobs = asked.search.trials * len(asked.seeds)
        plain_console().print(
            f"{asked.title}: a search of {jobs} runs up to the stage {asked.until}; which ones is "
            f"decided as it goes on"
        )
        return {"title": asked.title, "runs": jobs, "until": asked.until}
    configs = [config for point in expand(asked) for config in point.configs.values()]
    plain_console().print(f"{asked.title}: {len(configs)} runs up to the stage {asked.until}")
    return _show(unique(steps(config, asked.until) for config in configs), configs[0])


def plan_report(preset: str, seeds: str | None, runs: Sequence[str]) -> dict[str, Any]:
    """Print and return which runs a report would use, and the plan of those that are missing."""
    from tasks.missing import missing_runs, seeds_of

    missing = [] if runs else missing_runs(preset, seeds_of(seeds))
    if not missing:
        plain_console().print("every run is finished; the report is made from MLflow's records")
        return {"missing": [], "stages": [], "seconds": 0.0}
    plain_console().print(
        f"not finished: {preset} with seed {', '.join(str(c.train.seed) for c in missing)}; "
        f"--run-missing runs it first:"
    )
    plan = _show(unique(steps(config) for config in missing), missing[0])
    return {"missing": [config.train.seed for config in missing], **plan}


def _show(plan: Sequence[Step], config: PipelineConfig) -> dict[str, Any]:
    console = plain_console()
    table = Table("stage", "what", "minutes", "from")
    table.columns[2].justify = "right"
    counted = Counter((s.stage, s.cached, s.seconds, s.basis) for s in plan)
    for (name, cached, seconds, basis), count in counted.items():
        title = registry.stage(name).title + (f" ({count} times)" if count > 1 else "")
        total = "?" if seconds is None else f"{count * seconds / 60:.1f}"
        table.add_row(title, "cached" if cached else "runs", "" if cached else total, basis)
    console.print(table)
    to_do = [step for step in plan if not step.cached]
    known = [step.seconds for step in to_do if step.seconds is not None]
    console.print(_duration(to_do, known))
    needs = _needs(to_do, config)
    for what, says in needs.items():
        console.print(f"{what:<9} {says}", soft_wrap=True)
    return {
        "stages": [asdict(step) for step in plan],
        "seconds": sum(known) if len(known) == len(to_do) else None,
        "needs": needs,
    }


def _duration(to_do: Sequence[Step], known: Sequence[float]) -> str:
    if not to_do:
        return "time      under a minute: every stage is finished"
    if not known:
        return "time      not known: this machine has no past run to judge by"
    rest = len(to_do) - len(known)
    more = f", and {rest} stages of which no past run tells" if rest else ""
    return f"time      about {max(0.1, sum(known) / 60):.1f} min on this machine{more}"


def _needs(to_do: Sequence[Step], config: PipelineConfig) -> dict[str, str]:
    """Disk and data."""
    sizes = [step.megabytes for step in to_do]
    needed = LOGGED_TWICE * sum(size for size in sizes if size is not None)
    home = state.current().home
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    amount = "not known" if None in sizes else f"about {needed:.0f} MB"
    return {
        "disk": f"{amount}; {free:.1f} GB are free at {home}",
        "data": _data(config),
    }


def _data(config: PipelineConfig) -> str:
    source = config.dataset.source
    if source == "folder":
        return f"{config.dataset.path}"
    if source == "synthetic":
        return "none: SYNTHETIC sections are generated"
    from spikeseg_core.data.sources import isbi2012

    try:
        here = isbi2012.ISBI2012().available()
    except SpikeSegError as error:
        return str(error)
    if here:
        return "ISBI 2012, on this machine"
    otherwise = "; without it, SYNTHETIC sections" if source == "auto" else ""
    return f"ISBI 2012, which is downloaded{otherwise}"
