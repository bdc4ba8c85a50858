from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.dataset import Dataset, prepare_dataset
from spikeseg_core.errors import DataError
from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.evaluation.segment import scored
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.stages.files import save_section_scores, save_segmentation
from spikeseg_core.sweep.agglomerated import agglomerated_sections

SMALL = DatasetConfig(
    source="synthetic", train_sections=1, validation_sections=1, test_sections=2, synthetic_size=128
)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A dataset, and membranes of the ANN and the chip with a gap in every eighth row."""
    found = {name: tmp_path / name for name in ("prepare", "train", "deploy")}
    for folder in found.values():
        folder.mkdir()
    dataset = prepare_dataset(SMALL, 64, found["prepare"])
    for stage, tag in (("train", "ann"), ("deploy", "loihi")):
        segmentation = scored(
            {split: _with_gaps(dataset, split) for split in ("validation", "test")}, dataset
        )
        save_segmentation(found[stage], tag, segmentation)
        save_section_scores(found[stage], {tag: segmentation.sections})
    return found


def _with_gaps(dataset: Dataset, split: str) -> np.ndarray:
    _, labels = dataset.split(split)
    membrane = 0.05 + 0.85 * (labels == 1)
    membrane[:, ::8] = np.minimum(membrane[:, ::8], 0.05)
    return membrane.astype(np.float32)


def test_every_test_section_of_both_is_scored_again(folders: dict[str, Path]) -> None:
    rows = agglomerated_sections(folders)
    assert [(row["segmentation"], row["split"], row["section"]) for row in rows] == [
        (name, "test", section)
        for name in ("ann_agglomerated", "loihi_agglomerated")
        for section in (2, 3)
    ]
    for row in rows:
        assert set(SECTION_SCORES) < set(row)
        assert row["v_rand"] > 0.9  # a threshold joins all cells through the gaps
    assert agglomerated_sections({name: folders[name] for name in ("prepare", "train")}) == rows[:2]
    assert agglomerated_sections({"prepare": folders["prepare"]}) == []


def test_pixel_scores_are_those_of_its_membranes(folders: dict[str, Path]) -> None:
    before = pd.read_parquet(folders["train"] / "section_scores.parquet")
    tested = before[before["split"] == "test"]
    rows = agglomerated_sections(folders)[:2]
    assert [row["pixel_accuracy"] for row in rows] == tested["pixel_accuracy"].tolist()
    assert tested["v_rand"].max() < min(row["v_rand"] for row in rows)


def test_a_missing_file_is_named(folders: dict[str, Path]) -> None:
    (folders["deploy"] / probability("loihi")).unlink()
    with pytest.raises(DataError, match=r"probability_loihi\.npz"):
        agglomerated_sections(folders)
