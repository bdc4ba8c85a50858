"""Scores of the ANN and the chip of one fold with cells that are found on the host afterwards.

They are read from the files of finished stages: no stage knows of it, so none has to run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.agglomeration import agglomerated_score
from spikeseg_core.metrics.rand_info import TrueCells, cell_regions
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.stages.files import load_section_scores
from spikeseg_core.storage import load_arrays

AGGLOMERATED = {"ann": "ann_agglomerated", "loihi": "loihi_agglomerated"}
"""Segmentation with cells cut by a threshold -> the same, agglomerated on the host."""

PIXELS = ("pixel_accuracy", "membrane_iou")
WRITERS = {"ann": "train", "loihi": "deploy"}
"""Segmentation -> the stage that writes it."""


def agglomerated_sections(folders: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Score the cells of every test section, agglomerated with settings that no data chose.

    Parameters
    ----------
    folders : mapping of str to Path
        Folders of finished stages, ``prepare`` among them, by name.

    Returns
    -------
    list of dict
        A row per segmentation and section, like the rows of section scores. Pixel scores are those
        of the segmentation that was agglomerated: cells do not change its membranes.

    Raises
    ------
    DataError
        If a file of a stage is missing or damaged.
    """
    dataset = load_dataset(folders["prepare"])
    _, labels = dataset.split("test")
    truths = [TrueCells(cell_regions(section == 1)) for section in labels]
    rows: list[dict[str, Any]] = []
    for tag, name in AGGLOMERATED.items():
        if (folder := folders.get(WRITERS[tag])) is None:
            continue
        found = load_arrays(folder / probability(tag))["test"].astype(np.float32)
        scores = load_section_scores(folder, tag)
        tested = scores[scores["split"] == "test"].set_index("section")
        kept: dict[Any, dict[str, Any]] = tested[list(PIXELS)].to_dict("index")  # type: ignore[assignment]
        for section, truth, one in zip(dataset.splits["test"], truths, found, strict=True):
            about = {"segmentation": name, "split": "test", "section": int(section)}
            cells = agglomerated_score(truth, one)
            rows.append({**about, **kept[int(section)], **cells._asdict()})
    return rows
