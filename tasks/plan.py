"""What a run would do, before it starts: which stages are finished, and how long the rest takes.

Nothing is computed, started or asked of a server. Times are those of this machine's past runs, as
their records say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.splits import DEFAULT_SIZES
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from spikeseg_core.storage import digest_json
from tasks.folder import (
    RECORD,
    StageRecord,
    content_files,
    is_sound,
    read_record,
    reference,
    stage_key,
)
from tasks.local import state
from tasks.local.machine import FINGERPRINT, machine_tags
from tasks.references import StageRef

MOST_SCALED = 10
"""Runs of more or less than a tenth of the work say nothing: starting up takes as long in both."""


@dataclass(frozen=True)
class Step:
    """One stage of a run that has not begun.

    Attributes
    ----------
    token : str
        The stage's key, or a stand-in while the content of earlier stages is not known; equal for
        equal work.
    cached : bool
        Whether it is finished and will be used again.
    seconds : float or None
        Time that it will take; None if no past run tells.
    basis : str
        Which past runs tell.
    megabytes : float or None
        Size that its folder will have; None if no past run tells.
    """

    stage: str
    token: str
    cached: bool
    seconds: float | None
    basis: str
    megabytes: float | None


def steps(config: PipelineConfig, last: str = "benchmark") -> list[Step]:
    """Plan the stages up to ``last``.

    A stage after one that has to run is planned to run too; it is spared if that gives the same
    files as before.
    """
    refs: dict[str, StageRef] = {}
    tokens: dict[str, str] = {}
    found = []
    for one in registry.until(last):
        known = all(name in refs for name in one.upstream)
        if known:
            token = stage_key(one.name, config, [refs[name] for name in one.upstream])
            folder = state.current().stage_folder(one.name, token)
            if is_sound(folder):
                refs[one.name] = reference(folder)
        else:
            settings = registry.determining_settings(one.name, config)
            token = digest_json([one.name, settings, [tokens[name] for name in one.upstream]])
        tokens[one.name] = token
        found.append(_step(one.name, config, token, one.name in refs))
    return found


def unique(plans: Iterable[Sequence[Step]]) -> list[Step]:
    """Return the steps of several runs, each once: stages in common run once."""
    return list({step.token: step for plan in plans for step in plan}.values())


def _step(name: str, config: PipelineConfig, token: str, cached: bool) -> Step:
    if cached:
        return Step(name, token, True, 0.0, "finished", 0.0)
    seconds, basis = _time(name, config)
    sizes = [size for record, size in _past() if record.stage == name]
    return Step(name, token, False, seconds, basis, median(sizes) if sizes else None)


def _time(name: str, config: PipelineConfig) -> tuple[float | None, str]:
    """Time of the stage and its basis: equal settings if they were run, else scaled by the work."""
    here = [
        record
        for record, _ in _past()
        if record.stage == name
        and record.machine.get(FINGERPRINT) == machine_tags()[FINGERPRINT]
        and _network(record.settings) == config.train.network
    ]
    wanted = registry.settings(name, config)
    same = [record.seconds for record in here if record.settings == wanted]
    if same:
        return median(same), _runs(len(same), "the same settings")
    own = work(name, wanted)
    factors = [(record.seconds, own / work(name, record.settings)) for record in here]
    near = [seconds * by for seconds, by in factors if 1 / MOST_SCALED <= by <= MOST_SCALED]
    if near:
        return median(near), _runs(len(near), "other settings, scaled by the work")
    return None, "past runs do too much less or more" if here else "no past run on this machine"


def _runs(count: int, settings: str) -> str:
    return f"{count} run{'s' if count > 1 else ''} with {settings}"


def _network(settings: dict[str, Any]) -> str:
    return str(settings.get("train", {}).get("network", ""))


def work(name: str, settings: dict[str, Any]) -> float:
    """Work of a stage in units of its own: tiles of training, or sections; at least 1."""
    if name in ("train", "tune"):
        own = settings[name]
        more = own.get("distillation_epochs", 0)
        networks = own.get("teachers", 1) if more else 1
        epochs = own["epochs"] * networks + own.get("spiking_epochs", 0) + more
        return float(max(1, epochs) * own["steps_per_epoch"] * own["batch_size"])
    dataset = settings["dataset"]
    parts = ("train", "validation", "test") if name == "prepare" else ("validation", "test")
    sections = sum(dataset[f"{part}_sections"] or DEFAULT_SIZES[part] for part in parts)
    steps_shown = settings["presentation"]["steps"] if name in ("convert", "deploy") else 1
    return float(max(1, sections * steps_shown))


@cache
def _records(folder: Path) -> list[tuple[StageRecord, float]]:
    found = []
    for path in sorted(folder.glob(f"*/{RECORD}")):
        try:
            record = read_record(path.parent)
        except ConfigError:  # of another version, or damaged
            continue
        size = sum(file.stat().st_size for file in content_files(path.parent)) / 1e6
        found.append((record, size))
    return found


def _past() -> list[tuple[StageRecord, float]]:
    """Return the records of the finished stages, and the sizes of their folders in MB."""
    return _records(state.current().stages)
