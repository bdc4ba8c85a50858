from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import DatasetConfig, PipelineConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.errors import DataError
from spikeseg_core.inference.segmenter import FACTS, Segmenter, load_segmenter, save_segmenter
from spikeseg_core.network import save_network
from spikeseg_core.stages.files import save_section_scores
from tests.spikeseg_core.loihi.networks import random_network, random_weights

ALL_MEMBRANE = Segmenter(8, 3, lambda tiles: np.full(tiles.shape, 20.0, np.float32))


@pytest.mark.parametrize("grey", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(2, 20, 13), (1, 5, 30)])
def test_sections_of_any_size_keep_it(grey: type, shape: tuple[int, int, int]) -> None:
    sections = np.arange(np.prod(shape)).reshape(shape).astype(grey)
    probability = ALL_MEMBRANE(sections)
    assert probability.shape == shape
    np.testing.assert_allclose(probability, 1)


@pytest.mark.parametrize(
    "sections", [np.zeros((20, 20), np.uint8), np.zeros((1, 20, 20), np.float32)]
)
def test_anything_but_a_stack_of_grey_images_is_refused(sections: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"a stack .* of uint8 or uint16 is needed"):
        ALL_MEMBRANE(sections)


@pytest.mark.parametrize("facts", [None, "{", '{"kind": "ann"}'])
def test_a_folder_without_a_segmenter_is_named(tmp_path: Path, facts: str | None) -> None:
    if facts is not None:
        (tmp_path / FACTS).write_text(facts)
    with pytest.raises(DataError, match="holds no segmenter"):
        load_segmenter(tmp_path)


def stages(folder: Path) -> dict[str, Path]:
    """Folders of a prepared dataset, a training and a deployment, as far as a segmenter needs."""
    rng = np.random.default_rng(0)
    network = random_network(rng, size=16, channels=lambda rng: 8)
    config = DatasetConfig(source="synthetic", synthetic_size=128, train_sections=2)
    prepare_dataset(config, 16, folder / "prepare")
    save_network(folder / "train", network, random_weights(rng, network))
    rows = pd.DataFrame({"split": ["test"], "section": [0], "v_rand_threshold": [0.3]})
    save_section_scores(folder / "train", {"ann": rows})
    return {name: folder / name for name in ("prepare", "train")}


def test_threshold_and_looks_of_training_are_stored(tmp_path: Path) -> None:
    made = stages(tmp_path)
    save_segmenter(tmp_path / "a", "ann", made, PipelineConfig())
    found = load_segmenter(tmp_path / "a")
    assert found.threshold == 0.3
    assert found.known is not None
    assert 0.1 < found.known.membrane < 0.4


def test_a_model_of_before_is_cut_in_the_middle(tmp_path: Path) -> None:
    made = stages(tmp_path)
    (made["train"] / "section_scores.parquet").unlink()
    save_segmenter(tmp_path / "a", "ann", {"train": made["train"]}, PipelineConfig())
    found = load_segmenter(tmp_path / "a")
    assert (found.threshold, found.known) == (0.5, None)
