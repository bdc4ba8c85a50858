"""Stage 7: run the mapped network on Loihi or its emulator, and segment whole sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import expit

from spikeseg_core.ann.float_reference import segment_as_twin
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.evaluation.rates import report_rates
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.evaluation.segment import SCORED_SPLITS, segment_and_score
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.run.deploy import Deployment, MappedNetwork, deploy
from spikeseg_core.network import load_network
from spikeseg_core.presentation.anytime import (
    anytime_table,
    draw,
    shortest_good_enough,
    window_table,
)
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.partition import PLACEMENT
from spikeseg_core.stages.quantize import INTEGER, MAPPING
from spikeseg_core.stages.train import save_table
from spikeseg_core.storage import write_json

EVENTS = "events.npz"
"""What happened on the chip: :meth:`EventCounts.save`."""

BOARD_ENERGY = "board_energy.json"
"""What the board's energy probe showed for each tile; from hardware only."""


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Segment validation and test sections with the mapped network, as ``config.deploy``.

    Writes ``events.npz``, the events of the test split: exact from the fast engine, expected from
    the rates of the slow one; hardware tells neither, but gives ``board_energy.json``, what NxSDK's
    energy probe showed for each tile.

    Raises
    ------
    DeploymentError
        If the target or the engine cannot run this network here.
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    mapped = load_mapped(inputs)
    dataset = first_sections(load_dataset(inputs["prepare"]), config.deploy.sections)
    deployments: list[Deployment] = []

    def segment_tiles(tiles: np.ndarray) -> np.ndarray:
        deployments.append(deploy(mapped, tiles, config.presentation, config.deploy, report))
        return deployments[-1].logits

    found = segment_and_score("loihi", segment_tiles, dataset, folder)
    by_split = dict(zip(SCORED_SPLITS, deployments, strict=True))
    test = by_split["test"]
    facts: dict[str, object] = {}
    metrics = dict(found.metrics)
    figures: list[Path] = [found.figure]
    tables: list[Path] = []
    if test.rates:
        rates = report_rates("loihi", mapped.network, test.rates, config.tune, folder)
        metrics |= rates.metrics["loihi"]
        figures += rates.figures
        tables += rates.tables
        _events(mapped, test, config.presentation.steps).save(folder / EVENTS)
    if test.board_energy:
        readings = [reading.to_json() for reading in test.board_energy]
        write_json(folder / BOARD_ENERGY, readings)
    if test.readouts:
        anytime = anytime_table(by_split, dataset)
        chosen = shortest_good_enough(anytime)
        row = anytime[anytime["steps"] == chosen].iloc[0]
        report.say(
            f"{chosen} of {config.presentation.steps} steps would do, read out over the last "
            f"{row['readout_window']:.0%} (on validation)"
        )
        facts["steps_chosen_on_validation"] = chosen
        facts["readout_window_chosen_on_validation"] = float(row["readout_window"])
        scores = row.drop(["loihi_dynamic_mj", "loihi_total_mj"])
        metrics |= {f"chosen_time/{name}": float(value) for name, value in scores.items()}
        windows = window_table(by_split["validation"], dataset)
        tables.append(save_table(anytime, folder / "anytime.parquet"))
        tables.append(save_table(windows, folder / "readout_windows.parquet"))
        figures.append(draw(anytime, chosen, folder / "anytime.png"))
    if test.readouts:
        metrics |= twin_metrics(mapped, dataset, config, report)
    return StageResult(
        metrics={"loihi": metrics},
        figures=tuple(figures),
        tables=tuple(tables),
        facts=facts
        | {
            "target": config.deploy.target,
            "engine": config.deploy.engine if config.deploy.target == "emulator" else "hardware",
            "steps": config.presentation.steps,
            "sections": {name: len(s) for name, s in dataset.splits.items() if name != "train"},
        },
    )


def twin_metrics(
    mapped: MappedNetwork, dataset: Dataset, config: PipelineConfig, report: Reporter
) -> dict[str, float]:
    """Score the chip's twin in floating point on the test split, for the accounting of losses.

    Returns
    -------
    dict
        ``exact_weights/test/v_rand`` and so on, and ``one_scale_a_layer/...``.
    """
    images, labels = dataset.split("test")
    tiles = dataset.grid.cut(images)
    metrics: dict[str, float] = {}
    for variant, weight_bits in (
        ("exact_weights", None),
        ("one_scale_a_layer", mapped.weight_bits),
    ):
        logits = segment_as_twin(
            mapped.network,
            mapped.weights,
            tiles,
            config.presentation,
            weight_bits=weight_bits,
            report=report,
        )
        scores = evaluate({"test": (dataset.grid.stitch(expit(logits)), labels)})
        metrics |= {f"{variant}/{name}": value for name, value in scores.items()}
    return metrics


def _events(mapped: MappedNetwork, found: Deployment, steps: int) -> EventCounts:
    """Events as the engine counted them, else as the rates let expect."""
    network, placement = mapped.network, mapped.placement
    if found.events is not None:
        return found.events.until(steps)
    rates = {name: rate.mean(axis=0) for name, rate in found.rates.items()}
    return events_from_rates(network, mapped.tiles, rates, steps, placement)


def load_mapped(inputs: Mapping[str, Path]) -> MappedNetwork:
    """Put together what the stages tune, quantize and partition left.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    network, weights = load_network(inputs["tune"])
    mapping = CoreMapping.load(inputs["quantize"] / MAPPING)
    return MappedNetwork(
        network,
        weights,
        mapping.tiles,
        IntegerNetwork.load(inputs["quantize"] / INTEGER),
        Placement.load(inputs["partition"] / PLACEMENT),
        mapping.population_type,
        mapping.weight_bits,
    )


def first_sections(dataset: Dataset, count: int | None) -> Dataset:
    """Keep only the first sections of every split (None: all)."""
    return replace(dataset, splits={name: s[:count] for name, s in dataset.splits.items()})
