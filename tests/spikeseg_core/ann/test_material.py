import numpy as np
import pytest

from spikeseg_core.ann.material import (
    Material,
    Sections,
    targets_of,
    training_batches,
    validation_batches,
)
from spikeseg_core.config import TrainConfig
from spikeseg_core.data.augmentation import mix_tiles, random_tiles
from spikeseg_core.data.borders import pixel_weights
from tests.spikeseg_core.ann.networks import tiny_dataset

CONFIG = TrainConfig(steps_per_epoch=6, batch_size=5, mixup=0.5, seed=3)


def test_targets_are_labels_or_another_aim_and_weights_of_the_labels() -> None:
    labels = tiny_dataset().labels
    plain, aimed = targets_of(labels, CONFIG), targets_of(labels, CONFIG, labels / 2)
    np.testing.assert_array_equal(plain[..., 0], labels)
    np.testing.assert_array_equal(aimed[..., 0], labels / 2)
    for targets in (plain, aimed):
        np.testing.assert_array_equal(targets[..., 1], pixel_weights(labels, 2.0, 1.0))


def test_batches_of_labelled_sections_alone_are_the_bare_draws_of_seed_and_epoch() -> None:
    dataset = tiny_dataset()
    images, labels = dataset.split("train")
    rng = np.random.default_rng([3, 7])
    for x, y in training_batches(Material.of(dataset, CONFIG), 16, CONFIG, 7):
        tiles = random_tiles(images, targets_of(labels, CONFIG), 16, 5, rng)
        for found, expected in zip((x, y), mix_tiles(*tiles, 0.5, rng), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("change", [{"elastic_px": 2.0}, {"intensity": 1.0}], ids=str)
def test_tiles_vary_as_configured(change: dict[str, float]) -> None:
    material = Material.of(tiny_dataset(), CONFIG)
    plain, varied, again = (
        next(iter(training_batches(material, 16, CONFIG.model_copy(update=how), 1)))[0]
        for how in ({}, change, change)
    )
    assert not np.allclose(plain, varied)
    np.testing.assert_array_equal(varied, again)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_tiles_without_labels_is_kept(share: float) -> None:
    """The others are marked by targets of 2, and have another size."""
    dataset = tiny_dataset(unlabelled=2)
    labelled = Material.of(dataset, CONFIG).labelled
    images = dataset.without_labels()
    others = Sections(images, np.full((*images.shape, 2), 2, np.float32))
    plain = CONFIG.model_copy(update={"mixup": 0.0})
    marked = []
    for x, y in training_batches(Material(labelled, others, share), 16, plain, 0):
        assert x.shape == (5, 16, 16, 1) and y.shape == (5, 16, 16, 2)
        marked.append((y[:, 0, 0, 0] == 2).tolist())
        assert marked[-1] == sorted(marked[-1])
    assert np.sum(marked) == round(30 * share)


def test_validation_tiles_cover_the_sections_once() -> None:
    dataset = tiny_dataset()
    batches = list(validation_batches(dataset, 16, CONFIG))
    assert [len(x) for x, _ in batches] == [5, 4]
    np.testing.assert_array_equal(batches[0][0][0, ..., 0], dataset.images[2, :16, :16])
    np.testing.assert_array_equal(batches[0][1][0, ..., 0], dataset.labels[2, :16, :16])
