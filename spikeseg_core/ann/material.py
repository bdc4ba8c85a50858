"""What a network learns from: tiles of labelled sections, and of sections without labels.

Sections without labels have the output of a trained network in the place of labels
(:mod:`spikeseg_core.ann.distillation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.data.augmentation import mix_tiles, random_tiles
from spikeseg_core.data.borders import pixel_weights
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.data.tiles import TileGrid

Batch = tuple[np.ndarray, np.ndarray]
"""Tiles (batch, tile, tile, 1) and their targets (batch, tile, tile, 2), float32."""


@dataclass(frozen=True)
class Sections:
    """Sections to draw tiles from.

    Attributes
    ----------
    images : float32 array (n, h, w)
        Standardized.
    targets : float32 array (n, h, w, 2)
        From :func:`targets_of`.
    """

    images: np.ndarray
    targets: np.ndarray

    def tiles(
        self, tile: int, count: int, config: TrainConfig | TuneConfig, rng: np.random.Generator
    ) -> Batch:
        """Draw ``count`` tiles, augmented as configured."""
        return random_tiles(
            self.images,
            self.targets,
            tile,
            count,
            rng,
            elastic_px=config.elastic_px,
            intensity=config.intensity,
        )


@dataclass(frozen=True)
class Material:
    """Sections of one kind, and possibly of another.

    Attributes
    ----------
    unlabelled : Sections, optional
        Sections without labels, which may differ in size from the others.
    share : float
        Share of tiles that are drawn from these; batches have them last.
    """

    labelled: Sections
    unlabelled: Sections | None = None
    share: float = 0.0

    @classmethod
    def of(cls, dataset: Dataset, config: TrainConfig | TuneConfig) -> Material:
        """Take the training sections alone, with their labels."""
        images, labels = dataset.split("train")
        return cls(Sections(images, targets_of(labels, config)))

    def tiles(
        self, tile: int, config: TrainConfig | TuneConfig, step: int, rng: np.random.Generator
    ) -> Batch:
        """Draw the tiles of a batch, the ``step``-th from 0 of an epoch."""
        count = config.batch_size
        if self.unlabelled is None:
            return self.labelled.tiles(tile, count, config, rng)
        # Rounded such that any share is kept over many batches.
        others = round((step + 1) * count * self.share) - round(step * count * self.share)
        parts = (
            self.labelled.tiles(tile, count - others, config, rng),
            self.unlabelled.tiles(tile, others, config, rng),
        )
        x, y = (np.concatenate(both) for both in zip(*parts, strict=True))
        return x, y


def targets_of(
    labels: np.ndarray, config: TrainConfig | TuneConfig, aim: np.ndarray | None = None
) -> np.ndarray:
    """Give the targets of training: each pixel's aim, and how much it counts.

    Parameters
    ----------
    labels : array (n, h, w)
        1 = membrane, 0 = interior; they decide the weights.
    aim : float array (n, h, w), optional
        Probability of membrane to aim at; by default the labels.

    Returns
    -------
    float32 array (n, h, w, 2)
        Aim and weight (:func:`~spikeseg_core.data.borders.pixel_weights`).
    """
    weights = pixel_weights(labels, config.border_weight, config.membrane_weight)
    return np.stack([(labels if aim is None else aim).astype(np.float32), weights], axis=-1)


def training_batches(
    material: Material, tile: int, config: TrainConfig | TuneConfig, epoch: int
) -> Iterator[Batch]:
    """Yield the batches of one epoch; the next one is cut while the current one is processed."""
    rng = np.random.default_rng([config.seed, epoch])

    def cut(step: int) -> Batch:
        x, y = material.tiles(tile, config, step, rng)
        return mix_tiles(x, y, config.mixup, rng)

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(cut, 0)
        for step in range(1, config.steps_per_epoch + 1):
            batch = coming.result()
            if step < config.steps_per_epoch:
                coming = pool.submit(cut, step)
            yield batch


def validation_batches(
    dataset: Dataset, tile: int, config: TrainConfig | TuneConfig
) -> Iterator[Batch]:
    """Yield as few tiles as possible that cover the validation sections."""
    images, labels = dataset.split("validation")
    grid = TileGrid(dataset.section_shape, tile, tiles_per_axis=1)
    tiles = grid.cut(images)[..., np.newaxis]
    targets = np.stack(
        [grid.cut(part) for part in np.moveaxis(targets_of(labels, config), -1, 0)], axis=-1
    )
    for start in range(0, len(tiles), config.batch_size):
        batch = np.s_[start : start + config.batch_size]
        yield tiles[batch], targets[batch]
