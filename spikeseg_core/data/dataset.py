"""The prepared dataset: sections, labels and splits, and the folder they are stored in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.readers import Stack, pixel_sha256
from spikeseg_core.data.sources import read_source
from spikeseg_core.data.sources.base import Sections
from spikeseg_core.data.splits import (
    DEFAULT_SIZES,
    FEWEST_SECTIONS,
    as_options,
    blocks,
    contiguous_splits,
    fitted_sizes,
    fold_splits,
)
from spikeseg_core.data.tiles import TileGrid, standardize
from spikeseg_core.data.unlabelled import load_unlabelled, refuse_labelled, save_unlabelled
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import atomic_path, digest_arrays, load_arrays, save_arrays, write_json

SPLITS = ("train", "validation", "test")

_FACTS = ("source", "note", "polarity", "polarity_note", "tile", "tiles_per_axis", "sha256")
"""Attributes that are stored in :data:`FACTS_FILE` as they are."""

SECTIONS_FILE, MANIFEST_FILE, FACTS_FILE = "sections.npz", "manifest.parquet", "dataset.json"

_SPLIT = "split/"
"""Prefix of the splits' indices in :data:`SECTIONS_FILE`, so that they are part of its content."""


@dataclass(frozen=True)
class Dataset:
    """Labelled sections with their splits.

    Attributes
    ----------
    images : array (n, h, w), uint8 or uint16
        Grey values as stored.
    labels : uint8 array (n, h, w)
        1 = membrane, 0 = interior.
    splits : mapping of ``"train"``, ``"validation"``, ``"test"`` to int array
        Indices of the sections, ascending: validation and test are contiguous blocks, and so is
        training unless a fold is tested in its middle. The index is the section's number.
    names : tuple of str
        File or page each section came from.
    tile, tiles_per_axis : int
        How sections are cut for the network: side in px, overlapping tiles along each axis.
    sha256 : str
        Digest of images, labels and splits, independent of the file format.
    unlabelled : Stack or None
        More sections, without labels: learned from, never scored. Their digest is their own.
    pixel_nm : (float, float), optional
        Height and width of a pixel, nm, where the source knows it.
    """

    images: np.ndarray
    labels: np.ndarray
    splits: Mapping[str, np.ndarray]
    names: tuple[str, ...]
    source: str
    note: str
    polarity: str
    polarity_note: str
    tile: int
    tiles_per_axis: int
    sha256: str
    unlabelled: Stack | None = None
    pixel_nm: tuple[float, float] | None = None
    _shown: dict[str, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def pixels_sha256(self) -> str:
        """Digest of images and labels alone: the same for all folds of a stack."""
        return digest_arrays({"images": self.images, "labels": self.labels})

    @property
    def is_synthetic(self) -> bool:
        """Whether the sections were generated, not imaged."""
        return self.source == "synthetic"

    @property
    def section_shape(self) -> tuple[int, int]:
        """Height and width of a section, px."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def grid(self) -> TileGrid:
        """The tiles a section is cut into for the network."""
        return TileGrid(self.section_shape, self.tile, self.tiles_per_axis)

    def without_labels(self) -> np.ndarray:
        """Return the sections without labels as the network sees them.

        Returns
        -------
        float32 array (n, h, w)
            With n = 0 if there are none. Their size may differ from that of the labelled ones.
        """
        if self.unlabelled is None:
            return np.zeros((0, *self.section_shape), np.float32)
        return standardize(self.unlabelled.pixels)

    def first(self, count: int | None) -> Dataset:
        """Return the dataset with the first ``count`` sections of every split (None: all)."""
        return replace(self, splits={name: s[:count] for name, s in self.splits.items()})

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the sections of a split as the network sees them, with their labels.

        They are standardized once and cached; both arrays are read-only.

        Returns
        -------
        images : float32 array (n, h, w)
        labels : uint8 array (n, h, w)

        Raises
        ------
        DataError
            If there is no such split.
        """
        if name not in self.splits:
            raise DataError(f"no split {name!r}; the dataset has {', '.join(self.splits)}")
        if name not in self._shown:
            sections = self.splits[name]
            shown = standardize(self.images[sections]), self.labels[sections]
            for array in shown:
                array.flags.writeable = False
            self._shown[name] = shown
        return self._shown[name]


def prepare_dataset(
    config: DatasetConfig, tile: int, folder: Path, report: Reporter = SILENT
) -> Dataset:
    """Read, check and normalize a source, and write it as a dataset folder.

    Parameters
    ----------
    folder : Path
        Where ``sections.npz``, ``manifest.parquet``, ``dataset.json`` and, if there are sections
        without labels, ``unlabelled.npz`` go.

    Raises
    ------
    DataError
        If the source cannot be read or does not fit the splits.
    """
    raw = read_source(config, report)
    if raw.unlabelled is not None:
        refuse_labelled(raw.unlabelled, raw.images)
    polarity = choose_polarity(
        raw.images.pixels,
        raw.labels.pixels,
        config.polarity if raw.polarity == "auto" else raw.polarity,
    )
    raw = _in_blocks(raw, config, report)
    splits = _splits(config, len(raw.images.pixels), report)
    labels = membrane_labels(raw.labels.pixels, polarity.polarity)
    dataset = Dataset(
        images=raw.images.pixels,
        labels=labels,
        splits=splits,
        names=raw.images.names,
        source=raw.source,
        note=raw.note,
        polarity=polarity.polarity,
        polarity_note=polarity.reason,
        tile=tile,
        tiles_per_axis=config.tiles_per_axis,
        sha256=_digest(raw.images.pixels, labels, splits),
        unlabelled=raw.unlabelled,
        pixel_nm=raw.images.pixel_nm,
    )
    report.say(dataset.note)
    if raw.unlabelled is not None:
        report.say(f"{len(raw.unlabelled.names)} sections without labels")
    report.say(f"polarity: {dataset.polarity_note}")
    _write(dataset, raw.labels.pixels, folder)
    return dataset


def _stated(config: DatasetConfig) -> dict[str, int | None]:
    return {name: getattr(config, f"{name}_sections") for name in SPLITS}


def _in_blocks(raw: Sections, config: DatasetConfig, report: Reporter) -> Sections:
    """Cut one or two sections into blocks, unless the sizes of the splits are stated."""
    count = len(raw.images.pixels)
    if count >= FEWEST_SECTIONS or any(_stated(config).values()):
        return raw
    stacks = [
        Stack(*blocks(s.pixels, s.names), s.notes, s.pixel_nm) for s in (raw.images, raw.labels)
    ]
    _, high, wide = stacks[0].pixels.shape
    cut = (
        f"{count} section{'s' * (count > 1)} cut into {len(stacks[0].pixels)} blocks of "
        f"{wide} x {high} px, since training, validation and test need one each"
    )
    report.say(f"{cut}: scores on blocks beside those trained on are better than on other sections")
    return replace(raw, images=stacks[0], labels=stacks[1], note=f"{raw.note}; {cut}")


def _splits(config: DatasetConfig, sections: int, report: Reporter) -> dict[str, np.ndarray]:
    if config.folds > 1:
        return fold_splits(sections, config.folds, config.fold)
    stated = _stated(config)
    sizes = fitted_sizes(sections, stated)
    found = contiguous_splits(sections, sizes)
    if None in stated.values() and sizes != DEFAULT_SIZES:
        report.say(
            f"splits fitted to {sections} sections: {sizes['train']} to train on, "
            f"{sizes['validation']} to validate and {sizes['test']} to test; the same, stated: "
            f"{as_options(sizes)}"
        )
    return found


def load_dataset(folder: Path, *, unlabelled: bool = False) -> Dataset:
    """Read a folder written by :func:`prepare_dataset`, and check that it is unchanged.

    Parameters
    ----------
    unlabelled : bool
        Whether to read the sections without labels, too, if there are any.

    Raises
    ------
    DataError
        If a file is missing, damaged or changed.
    """
    arrays = load_arrays(folder / SECTIONS_FILE)
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        dataset = Dataset(
            images=arrays["images"],
            labels=arrays["labels"],
            splits={name: arrays[f"{_SPLIT}{name}"] for name in SPLITS},
            unlabelled=load_unlabelled(folder, facts["unlabelled"]) if unlabelled else None,
            names=tuple(facts["names"]),
            # Folders of earlier versions do not have it.
            pixel_nm=tuple(pixel) if (pixel := facts.get("pixel_nm")) else None,
            **{name: facts[name] for name in _FACTS},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} is not a dataset folder ({type(error).__name__}: {error}); prepare it again"
        ) from error
    found = _digest(dataset.images, dataset.labels, dataset.splits)
    if found != dataset.sha256:
        raise DataError(
            f"{folder} was changed: its digest is {found[:12]}..., {FACTS_FILE} says "
            f"{dataset.sha256[:12]}...; prepare it again"
        )
    return dataset


def _digest(images: np.ndarray, labels: np.ndarray, splits: Mapping[str, np.ndarray]) -> str:
    return digest_arrays({"images": images, "labels": labels, **_named(splits)})


def _named(splits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{_SPLIT}{name}": indices for name, indices in splits.items()}


def _blocks(indices: np.ndarray) -> list[list[int]]:
    """First index and index after the last of every block of neighbours."""
    parts = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    return [[int(part[0]), int(part[-1]) + 1] for part in parts]


def _write(dataset: Dataset, masks: np.ndarray, folder: Path) -> None:
    arrays = {"images": dataset.images, "labels": dataset.labels, **_named(dataset.splits)}
    save_arrays(folder / SECTIONS_FILE, arrays)
    with atomic_path(folder / MANIFEST_FILE) as temporary:
        pq.write_table(_manifest(dataset, masks), temporary)
    unlabelled = save_unlabelled(dataset.unlabelled, folder)
    # Last: a folder with this file is complete.
    write_json(
        folder / FACTS_FILE,
        {
            **{name: getattr(dataset, name) for name in _FACTS},
            "is_synthetic": dataset.is_synthetic,
            "sections": len(dataset.images),
            "section_shape": dataset.section_shape,
            "dtype": dataset.images.dtype.name,
            "membrane_fraction": float(dataset.labels.mean()),
            "splits": {name: _blocks(indices) for name, indices in dataset.splits.items()},
            "names": dataset.names,
            "pixel_nm": dataset.pixel_nm,
            "unlabelled": unlabelled,
        },
    )


def _manifest(dataset: Dataset, masks: np.ndarray) -> pa.Table:
    """One row per labelled section, then one per section without labels.

    Facts about the whole stacks are in the schema's metadata.
    """
    split_of = {int(index): name for name, indices in dataset.splits.items() for index in indices}
    count, height, width = dataset.images.shape
    columns: dict[str, list[Any]] = {
        "section": list(range(count)),
        "name": list(dataset.names),
        "split": [split_of.get(index, "unused") for index in range(count)],
        "height": [height] * count,
        "width": [width] * count,
        "dtype": [dataset.images.dtype.name] * count,
        "image_sha256": [pixel_sha256(image) for image in dataset.images],
        "label_sha256": [pixel_sha256(mask) for mask in masks],
        "polarity": [dataset.polarity] * count,
        "membrane_fraction": [float(label.mean()) for label in dataset.labels],
    }
    if dataset.unlabelled is not None:
        _add_unlabelled(columns, dataset.unlabelled)
    return pa.table(columns).replace_schema_metadata(
        {
            "source": dataset.source,
            "note": dataset.note,
            "image_stack_sha256": pixel_sha256(dataset.images),
            "label_stack_sha256": pixel_sha256(masks),
            "dataset_sha256": dataset.sha256,
        }
    )


def _add_unlabelled(columns: dict[str, list[Any]], stack: Stack) -> None:
    """Append a row per section without labels, numbered from 0; what labels tell is empty."""
    count, height, width = stack.pixels.shape
    own = {
        "section": range(count),
        "name": stack.names,
        "split": ["unlabelled"] * count,
        "height": [height] * count,
        "width": [width] * count,
        "dtype": [stack.pixels.dtype.name] * count,
        "image_sha256": [pixel_sha256(image) for image in stack.pixels],
    }
    for name, values in columns.items():
        values.extend(own.get(name, [None] * count))
