"""`spikeseg bench`: measurements, each made by a module of the core."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.overrides import configured
from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.storage import write_json
from tasks.folder import find, newest, read_record
from tasks.local import state
from tasks.local.machine import machine_tags
from tasks.local.registration import ROOT
from tasks.mlflow.store import BENCH_TAG, STAGE_TAG, Run, store
from tasks.provenance import code_tags
from tasks.terminal import TerminalReporter


def bench(what: str, preset: str, dataset: str, changes: Sequence[str]) -> dict[str, Any]:
    """Run one of the :data:`BENCHMARKS`, with settings as for ``spikeseg run``, and log it."""
    config = configured(preset, dataset, changes)
    result = BENCHMARKS[what](config)
    store().attempt("log the benchmark", lambda: _log(what, config, result))
    return result


def _log(what: str, config: PipelineConfig, result: Mapping[str, Any]) -> None:
    """Keep the result in MLflow, where the research report finds it."""
    tags = {STAGE_TAG: "bench", BENCH_TAG: what, "preset": config.preset, **code_tags()}
    run = Run.create(store(), f"bench-{what}", {**tags, **machine_tags()}, None)
    with TemporaryDirectory() as temporary:
        write_json(Path(temporary) / "result.json", result)
        run.artifact(Path(temporary) / "result.json")
    run.end()


def emulator(config: PipelineConfig) -> dict[str, Any]:
    """Both emulators on the reference network and on the newest trained one of every preset."""
    from spikeseg_core.bench.emulator import bench_emulator

    report = TerminalReporter("emulator")
    trained = {}
    for preset in presets.PRESETS:
        folders = _finished("partition", preset)
        if folders is None:
            report.say(f"skipping the preset {preset!r}: it has no finished mapping")
        else:
            settings = read_record(folders["partition"]).settings
            trained[preset] = (PipelineConfig.model_validate(settings), folders)
    return bench_emulator(trained, report)


def energy(config: PipelineConfig) -> dict[str, Any]:
    """Energy of the preset's newest deployed network on this machine, at batches of 1 to 64."""
    folders = _finished("deploy", config.preset)
    if folders is None:
        raise ConfigError(
            f"no finished deployment of the preset {config.preset!r} is in "
            f"{state.current().stages}; run `spikeseg run --preset {config.preset}` first"
        )
    from spikeseg_core.bench.energy import bench_energy

    deployed = PipelineConfig.model_validate(read_record(folders["deploy"]).settings)
    settings = deployed.model_copy(update={"benchmark": config.benchmark})
    return bench_energy(settings, folders, TerminalReporter("energy"))


def mapping(config: PipelineConfig) -> dict[str, Any]:
    """Every mapping strategy on the same networks, including the preset's own if it is trained."""
    from spikeseg_core.bench.mapping import bench_mapping

    report = TerminalReporter("mapping")
    folders = _finished("partition", config.preset) or _finished("convert", config.preset)
    if folders is None:
        report.say(f"skipping the preset {config.preset!r}: it has no finished conversion")
    return bench_mapping(config, folders, report, certificates=state.current().certificates)


def tuning(config: PipelineConfig) -> dict[str, Any]:
    """Tuning on events and in floating point, on the preset's newest trained network."""
    from spikeseg_core.bench.tuning import bench_tuning
    from spikeseg_core.data.dataset import load_dataset
    from spikeseg_core.network import load_network

    folders = _finished("train", config.preset)
    if folders is None:
        raise ConfigError(
            f"no trained network of the preset {config.preset!r} is in {state.current().stages}; "
            f"run `spikeseg run --preset {config.preset}` first"
        )
    network, weights = load_network(folders["train"])
    start = replace(network, initial_potential=config.tune.initial_potential)
    dataset = load_dataset(folders["prepare"])
    return bench_tuning(config, dataset, start, weights, TerminalReporter("tuning"))


def networks(config: PipelineConfig) -> dict[str, Any]:
    """Five published networks, mapped, emulated and compared with their ANNs."""
    from spikeseg_core.bench.networks import bench_networks
    from tasks.networks import show

    result = bench_networks(TerminalReporter("networks"))
    show(result)
    return result


def orchestration(config: PipelineConfig) -> dict[str, Any]:
    """Seconds of the pipeline without and with Prefect and MLflow, and of the same run again.

    Each runs in a new process with an empty state folder, so that imports and the start of
    Prefect's temporary server are included.
    """
    with TemporaryDirectory() as temporary:
        home = Path(temporary) / "state"
        settings = config.model_dump_json()
        bare = _seconds(["tasks.bare", str(Path(temporary) / "bare")], settings, home)
        orchestrated = _seconds(["flows.start"], settings, home)
        again = _seconds(["flows.start"], settings, home)
    return {
        "preset": config.preset,
        "dataset": config.dataset.source,
        "basis": "measured",
        "bare_s": bare,
        "orchestrated_s": orchestrated,
        "overhead": orchestrated / bare - 1,
        "cached_rerun_s": again,
    }


def _seconds(module: list[str], settings: str, home: Path) -> float:
    """Time a module of this project that reads its settings from standard input."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PREFECT_") and name != "MLFLOW_TRACKING_URI"
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env={**environment, state.HOME_VARIABLE: str(home)},
        cwd=ROOT,  # a module of the folder where the command runs is not ours
        input=settings,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SpikeSegError(f"python -m {' '.join(module)} ended with {done.returncode}")
    return time.perf_counter() - began


def _finished(stage: str, preset: str) -> dict[str, Path] | None:
    """Folders of the preset's newest finished stage of that name and of the stages before it."""
    folder = newest(stage, preset)
    if folder is None:
        return None
    before = {name: find(name, key) for name, key in read_record(folder).inputs.items()}
    return {name: path for name, path in before.items() if path is not None} | {stage: folder}


BENCHMARKS: dict[str, Callable[[PipelineConfig], dict[str, Any]]] = {
    "emulator": emulator,
    "mapping": mapping,
    "energy": energy,
    "tuning": tuning,
    "networks": networks,
    "pipeline": orchestration,
}
