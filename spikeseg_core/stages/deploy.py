"""Stage 7: run the mapped network on Loihi or its emulator, and segment whole sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scipy.special import expit

from spikeseg_core.ann.float_reference import segment_with_float_reference
from spikeseg_core.ann.tuning_losses import on_events
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.evaluation.scorer import Thresholds
from spikeseg_core.evaluation.segment import (
    SCORED_SPLITS,
    Segmentation,
    scored,
    segment_and_score,
)
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.mapping.as_tuned import same_integers
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.run.backends import deploy
from spikeseg_core.loihi.run.base import Deployment, MappedNetwork
from spikeseg_core.presentation.search import search
from spikeseg_core.reporting import Reporter
from spikeseg_core.snn.rates import report_rates
from spikeseg_core.stages.artifacts import (
    BOARD_ENERGY,
    EVENTS,
    MAPPING,
    PRESENTATIONS,
    PRESENTED_EVENTS,
    PRESENTED_SECTIONS,
)
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.deployed import load_sections
from spikeseg_core.stages.files import save_rates, save_section_scores, save_segmentation
from spikeseg_core.stages.mapped import load_mapped
from spikeseg_core.storage import write_json


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Segment validation and test sections with the mapped network, as configured.

    The fast engine shows every tile for the longest presentation to be tried, and scores all of
    them: ``presentations.parquet`` and ``presentations.npz``. ``events.npz`` has the events
    of the test split as deployed: exact from the fast engine, expected from the rates of the slow
    one. Hardware counts no events, but gives ``board_energy.json``, the readings of NxSDK's energy
    probe for each tile.

    Raises
    ------
    DeploymentError
        If the target or the engine cannot run this network here.
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    mapped = load_mapped(inputs)
    dataset = load_sections(config, inputs)
    tables: list[Path] = []
    in_a_row = dataset.grid.tiles if config.deploy.continuous else None
    fast = config.deploy.target == "emulator" and config.deploy.engine == "fast"
    if fast:
        tried, deployed = search(mapped, dataset, config.presentation, config.deploy, report)
        files = (PRESENTATIONS, PRESENTED_EVENTS, PRESENTED_SECTIONS)
        tables.append(tried.save(*(folder / name for name in files)))
    if not fast or config.deploy.continuous:
        deployed = {
            split: deploy(
                mapped,
                dataset.grid.cut(dataset.split(split)[0]),
                config.presentation,
                config.deploy,
                report,
                in_a_row=in_a_row,
            )
            for split in SCORED_SPLITS
        }
    logits = iter([deployed[split].logits for split in SCORED_SPLITS])
    found = segment_and_score(lambda tiles: next(logits), dataset)
    save_segmentation(folder, "loihi", found)
    test, metrics, sections = deployed["test"], dict(found.metrics), {"loihi": found.sections}
    if test.rates:
        rates = report_rates(mapped.network, test.rates, config.tune)
        metrics |= rates.metrics
        tables += save_rates(folder, rates)
        _events(mapped, test, in_a_row).save(folder / EVENTS)
    if test.board_energy:
        readings = [reading.to_json() for reading in test.board_energy]
        write_json(folder / BOARD_ENERGY, readings)
    if fast:
        tuned = CoreMapping.load_if_there(inputs["tune"] / MAPPING)
        if was_tuned_as_mapped(mapped, tuned, config):
            compared = {"as_tuned": found}
        else:
            compared = references(mapped, dataset, found.thresholds, config, report)
        for variant, each in compared.items():
            metrics |= {f"{variant}/{name}": value for name, value in each.metrics.items()}
            sections[f"loihi/{variant}"] = each.sections
    save_section_scores(folder, sections)
    return StageResult(
        metrics={"loihi": metrics},
        tables=tuple(tables),
        facts={
            "target": config.deploy.target,
            "engine": config.deploy.engine if config.deploy.target == "emulator" else "hardware",
            "steps": config.presentation.steps,
            "continuous": config.deploy.continuous,
            "sections": {name: len(s) for name, s in dataset.splits.items() if name != "train"},
        },
    )


def references(
    mapped: MappedNetwork,
    dataset: Dataset,
    thresholds: Thresholds,
    config: PipelineConfig,
    report: Reporter,
) -> dict[str, Segmentation]:
    """Score the float reference of the chip on the test split, for the accounting of losses.

    ``thresholds`` are those of the deployed network, for the scores of single sections.

    Returns
    -------
    dict
        ``exact_weights`` and ``one_scale_a_layer``.
    """
    tiles = dataset.grid.cut(dataset.split("test")[0])
    shown = (mapped.network, mapped.weights, tiles, config.presentation)
    found: dict[str, Segmentation] = {}
    for variant, bits in (("exact_weights", None), ("one_scale_a_layer", mapped.weight_bits)):
        logits = segment_with_float_reference(*shown, weight_bits=bits, report=report)
        probability = {"test": dataset.grid.stitch(expit(logits))}
        found[variant] = scored(probability, dataset, thresholds)
    return found


def was_tuned_as_mapped(
    mapped: MappedNetwork, tuned: CoreMapping | None, config: PipelineConfig
) -> bool:
    """Whether the epochs with spikes ran this very network: its integers, its clock, no filter."""
    return (
        tuned is not None
        and config.tune.spiking_epochs > 0
        and on_events(mapped.network, config.tune)
        and not config.presentation.synapse_ms
        and tuned.weight_bits == mapped.weight_bits
        and same_integers(mapped.network, tuned.tiles, mapped.tiles)
    )


def _events(mapped: MappedNetwork, found: Deployment, in_a_row: int | None) -> EventCounts:
    """Return the events that the engine counted, or those expected from the rates."""
    network, placement = mapped.network, mapped.placement
    if found.events is not None:
        return found.events.until(found.steps)
    rates = {name: rate.mean(axis=0) for name, rate in found.rates.items()}
    steps = float(found.steps.mean())
    expected = events_from_rates(network, mapped.tiles, rates, steps, placement)
    return replace(expected, reset=1 / (in_a_row or 1))
