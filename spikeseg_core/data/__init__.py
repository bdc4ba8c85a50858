"""Sections, labels and tiles: from files to what the network sees (docs/data.md)."""

from spikeseg_core.data.augment import random_tiles
from spikeseg_core.data.dataset import SPLITS, Dataset, load_dataset, prepare_dataset
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.readers import Stack, read_pair, read_stack
from spikeseg_core.data.sources import Source, read_source
from spikeseg_core.data.splits import contiguous_splits
from spikeseg_core.data.synthetic import synthetic_sections
from spikeseg_core.data.tiles import TileGrid, standardize

__all__ = [
    "SPLITS",
    "Dataset",
    "Source",
    "Stack",
    "TileGrid",
    "choose_polarity",
    "contiguous_splits",
    "load_dataset",
    "membrane_labels",
    "prepare_dataset",
    "random_tiles",
    "read_pair",
    "read_source",
    "read_stack",
    "standardize",
    "synthetic_sections",
]
