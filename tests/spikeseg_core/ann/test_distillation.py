from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from spikeseg_core.ann.distillation import TURNS, soft_labels, taught, with_unlabelled
from spikeseg_core.ann.predict import tile_logits
from spikeseg_core.ann.unet import build_model
from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.data.tiles import TileGrid
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset
from tests.spikeseg_core.listener import Listener

CONFIG = TrainConfig(distillation_epochs=1, distillation_weight=0.25, unlabelled_share=0.5)


def laid(sections: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(sections, turns, axes=(1, 2))
    return turned[:, :, ::-1] if mirrored else turned


def test_one_look_of_one_network_is_its_segmentation() -> None:
    model, sections = build_model(TINY, seed=1), tiny_dataset().images
    grid = TileGrid(sections.shape[1:], TINY.tile, 3)
    expected = grid.stitch(expit(tile_logits(model, grid.cut(sections))))
    np.testing.assert_array_equal(
        soft_labels([model], sections, TINY.tile, 3, [(0, False)]), expected
    )


def test_soft_labels_turn_with_their_section_and_are_the_mean_of_networks() -> None:
    models, sections = [build_model(TINY, seed=seed) for seed in (1, 2)], tiny_dataset().images
    sections = sections[:2, :, :33]  # higher than wide
    found = soft_labels(models, sections, TINY.tile, 3)
    assert found.dtype == np.float32 and found.shape == sections.shape
    assert len(set(TURNS)) == 8
    for way in TURNS[1:]:
        again = soft_labels(models, laid(sections, *way), TINY.tile, 3)
        np.testing.assert_allclose(again, laid(found, *way), atol=1e-6)
    each = [soft_labels([model], sections, TINY.tile, 3) for model in models]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)
    assert not np.allclose(found, soft_labels(models, sections, TINY.tile, 3, TURNS[:1]), atol=1e-3)


def test_targets_mix_labels_and_teachers_and_are_kept(tmp_path: Path) -> None:
    dataset, model = tiny_dataset(unlabelled=3), build_model(TINY, seed=1)
    made = taught([model], dataset, TINY.tile, CONFIG, tmp_path)
    images, labels = dataset.split("train")
    soft = soft_labels([model], images, TINY.tile, 3)
    np.testing.assert_allclose(
        made.labelled.targets[..., 0], 0.75 * labels + 0.25 * soft, atol=1e-6
    )
    assert made.unlabelled is not None and made.share == 0.5
    others = soft_labels([model], dataset.without_labels(), TINY.tile, 3)
    np.testing.assert_array_equal(made.unlabelled.targets[..., 0], others)
    # Another network would teach otherwise, but what was kept counts.
    again = taught([build_model(TINY, seed=2)], dataset, TINY.tile, CONFIG, tmp_path)
    np.testing.assert_array_equal(again.labelled.targets, made.labelled.targets)


@pytest.mark.parametrize(
    ("unlabelled", "change"), [(0, {}), (2, {"unlabelled_share": 0.0})], ids=["none", "not wanted"]
)
def test_labelled_sections_alone_can_be_taught_on(
    tmp_path: Path, unlabelled: int, change: dict[str, Any]
) -> None:
    dataset, config = tiny_dataset(unlabelled=unlabelled), CONFIG.model_copy(update=change)
    made = taught([build_model(TINY, seed=1)], dataset, TINY.tile, config, tmp_path)
    assert made.unlabelled is None


def test_tuning_has_one_look_of_the_ann_and_keeps_it(tmp_path: Path) -> None:
    dataset, model = tiny_dataset(unlabelled=2), build_model(TINY, seed=1)
    config = TuneConfig(unlabelled_share=0.3)
    made = with_unlabelled(model, dataset, TINY.tile, config, tmp_path)
    assert made.unlabelled is not None and made.share == 0.3
    soft = soft_labels([model], dataset.without_labels(), TINY.tile, 3, TURNS[:1])
    np.testing.assert_array_equal(made.unlabelled.targets[..., 0], soft)
    again = with_unlabelled(build_model(TINY, seed=2), dataset, TINY.tile, config, tmp_path)
    np.testing.assert_array_equal(again.unlabelled.targets, made.unlabelled.targets)
    plain = with_unlabelled(model, dataset, TINY.tile, TuneConfig(), tmp_path / "off")
    assert plain.unlabelled is None and not (tmp_path / "off").exists()


def test_tuning_without_such_sections_goes_on_with_labelled_ones_and_says_so(
    tmp_path: Path,
) -> None:
    told = Listener()
    config, model = TuneConfig(unlabelled_share=0.3), build_model(TINY, seed=1)
    made = with_unlabelled(model, tiny_dataset(), TINY.tile, config, tmp_path, report=told)
    assert made.unlabelled is None
    assert "there are no sections without labels" in told.said[0]


def test_neither_validation_nor_test_sections_are_taught_on(tmp_path: Path) -> None:
    """What a network sees there, and their labels, changes nothing."""
    dataset, other = tiny_dataset(unlabelled=1), tiny_dataset(unlabelled=1)
    other.images[2:], other.labels[2:] = 0, 1
    model = build_model(TINY, seed=1)
    both = [
        taught([model], each, TINY.tile, CONFIG, tmp_path / str(number))
        for number, each in enumerate((dataset, other))
    ]
    np.testing.assert_array_equal(both[0].labelled.images, both[1].labelled.images)
    np.testing.assert_array_equal(both[0].labelled.targets, both[1].labelled.targets)
