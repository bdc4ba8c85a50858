"""Stage 1: read, check and split the sections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import MANIFEST_FILE, prepare_dataset
from spikeseg_core.network import catalogue
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Prepare the configured dataset in ``folder``.

    Raises
    ------
    DataError
        If the source cannot be read or does not fit the splits.
    ConfigError
        If the network is unknown (its tile determines how sections are cut).
    """
    tile = catalogue.network(config.train.network).tile
    dataset = prepare_dataset(config.dataset, tile, folder, report)
    metrics = {
        f"data/{name}_membrane_fraction": float(dataset.labels[sections].mean())
        for name, sections in dataset.splits.items()
    }
    return StageResult(
        metrics={"prepare": metrics},
        tables=(folder / MANIFEST_FILE,),
        facts={
            "source": dataset.source,
            "synthetic": dataset.is_synthetic,
            "note": dataset.note,
            "polarity": dataset.polarity_note,
            "sha256": dataset.sha256,
            "pixels_sha256": dataset.pixels_sha256,
            "unlabelled_sections": len(dataset.unlabelled.names) if dataset.unlabelled else 0,
            "sections": {name: len(sections) for name, sections in dataset.splits.items()},
            "section_shape": list(dataset.section_shape),
            "pixel_nm": list(dataset.pixel_nm) if dataset.pixel_nm else None,
        },
    )
