"""Files that several stages write: trained networks, segmentations, spike rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spikeseg_core.errors import DataError
from spikeseg_core.network import Network, Weights, save_network
from spikeseg_core.stages.artifacts import (
    HISTORY,
    MODEL,
    SECTION_SCORES,
    probability,
    rates_by_layer,
    rates_by_neuron,
)
from spikeseg_core.storage import atomic_path, save_arrays, save_table

if TYPE_CHECKING:
    from spikeseg_core.evaluation.segment import Segmentation
    from spikeseg_core.snn.rates import RateReport


def save_trained(
    folder: Path, network: Network, weights: Weights, model: Any, history: pd.DataFrame
) -> Path:
    """Write a network, its weights, its Keras model and its training curves; return their path."""
    save_network(folder, network, weights)
    with atomic_path(folder / MODEL) as temporary:
        model.save(temporary)
    return save_table(history, folder / HISTORY)


def save_segmentation(folder: Path, tag: str, found: Segmentation) -> None:
    """Write the test split's probabilities as float16; a loaded model must reproduce them."""
    test = found.probability["test"].astype(np.float16)
    save_arrays(folder / probability(tag), {"test": test})


def save_section_scores(folder: Path, found: Mapping[str, pd.DataFrame]) -> Path:
    """Write the scores of single sections of all segmentations of a stage, and return the path.

    ``found`` is :attr:`Segmentation.sections` by tag, or by ``tag/variant`` as in the accounting of
    losses: the column ``segmentation``.
    """
    parts = [sections.assign(segmentation=tag) for tag, sections in found.items()]
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "segmentation", table.pop("segmentation"))
    return save_table(table, folder / SECTION_SCORES)


def load_section_scores(folder: Path, tag: str) -> pd.DataFrame:
    """Read the scores of single sections that :func:`save_section_scores` wrote for a tag.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        table = pd.read_parquet(folder / SECTION_SCORES)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder / SECTION_SCORES} cannot be read ({error}); run the stage again"
        ) from error
    return table[table["segmentation"] == tag].drop(columns="segmentation").reset_index(drop=True)


def save_rates(folder: Path, found: RateReport, tag: str = "") -> tuple[Path, Path]:
    """Write the tables of rates, per layer and per neuron, and return their paths."""
    return (
        save_table(found.layers, folder / rates_by_layer(tag)),
        save_table(found.neurons, folder / rates_by_neuron(tag)),
    )
