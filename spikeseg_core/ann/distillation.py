"""Trained networks as teachers: their output is what a network aims at.

Soft targets of a section are the mean over networks, and over eight turns and mirrors of the
section, which is better than one look of one network. On sections without labels they are all there
is to learn from. Distillation is due to Hinton et al. (2015, arXiv 1503.02531), over turned copies
of data without labels to Radosavovic et al. (2018, arXiv 1712.04440).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from spikeseg_core.ann.material import Material, Sections, targets_of
from spikeseg_core.ann.predict import tile_logits
from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import load_arrays, save_arrays

TURNS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
"""The eight ways of laying down a section: quarter turns, and whether it is mirrored after."""


def soft_labels(
    models: Sequence[Any],
    sections: np.ndarray,
    tile: int,
    tiles_per_axis: int,
    ways: Sequence[tuple[int, bool]] = TURNS,
) -> np.ndarray:
    """Mean probability of membrane over networks and over ways of laying down the sections.

    Parameters
    ----------
    models : sequence of keras.Model
    sections : float32 array (n, h, w)
        Standardized.
    tile, tiles_per_axis : int
        How sections are cut; the tiles' probabilities are blended.

    Returns
    -------
    float32 array (n, h, w)
    """
    total = np.zeros(sections.shape)
    for turns, mirrored in ways:
        turned = np.rot90(sections, turns, axes=(1, 2))
        turned = turned[:, :, ::-1] if mirrored else turned
        grid = TileGrid((turned.shape[1], turned.shape[2]), tile, tiles_per_axis)
        tiles = grid.cut(turned)
        for model in models:
            found = grid.stitch(expit(tile_logits(model, tiles)))
            found = found[:, :, ::-1] if mirrored else found
            total += np.rot90(found, -turns, axes=(1, 2))
    return (total / (len(models) * len(ways))).astype(np.float32)


def taught(
    models: Sequence[Any], dataset: Dataset, tile: int, config: TrainConfig, folder: Path
) -> Material:
    """Make the material of training that aims at what trained networks see.

    On labelled sections the aim is a mixture of label and soft target (``distillation_weight``).

    Parameters
    ----------
    folder : Path
        Where the soft targets are kept, so that a resumed run has the same.
    """
    file = folder / "checkpoints" / "teacher.npz"
    images, labels = dataset.split("train")
    others = dataset.without_labels()
    if not file.exists():
        cut = (tile, dataset.tiles_per_axis)
        save_arrays(
            file,
            {
                "train": soft_labels(models, images, *cut),
                "unlabelled": soft_labels(models, others, *cut) if len(others) else others,
            },
        )
    soft = load_arrays(file)
    weight = config.distillation_weight
    aim = (1 - weight) * labels + weight * soft["train"]
    labelled = Sections(images, targets_of(labels, config, aim))
    return _with_unlabelled(labelled, others, soft["unlabelled"], config)


def with_unlabelled(
    model: Any,
    dataset: Dataset,
    tile: int,
    config: TuneConfig,
    folder: Path,
    *,
    report: Reporter = SILENT,
) -> Material:
    """Make the material of tuning: labelled sections, and the ANN's output on the others.

    Where there are no others, all tiles are labelled ones, and the report says so.

    Parameters
    ----------
    model : keras.Model
        The trained network before tuning.
    folder : Path
        Where its output is kept, so that a resumed run has the same.
    """
    material = Material.of(dataset, config)
    if not config.unlabelled_share:
        return material
    others = dataset.without_labels()
    if not len(others):
        report.say(
            "there are no sections without labels, so all tiles are labelled ones "
            f"(tune.unlabelled_share is {config.unlabelled_share:g}); dataset.unlabelled names some"
        )
        return material
    file = folder / "checkpoints" / "teacher.npz"
    if not file.exists():
        as_it_lies = [(0, False)]
        soft = soft_labels([model], others, tile, dataset.tiles_per_axis, as_it_lies)
        save_arrays(file, {"unlabelled": soft})
    return _with_unlabelled(material.labelled, others, load_arrays(file)["unlabelled"], config)


def _with_unlabelled(
    labelled: Sections, images: np.ndarray, soft: np.ndarray, config: TrainConfig | TuneConfig
) -> Material:
    if not len(images) or not config.unlabelled_share:
        return Material(labelled)
    targets = targets_of((soft > 0.5).astype(np.uint8), config, soft)
    return Material(labelled, Sections(images, targets), config.unlabelled_share)
