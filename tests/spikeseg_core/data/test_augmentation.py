"""Random tiles: shapes, determinism, and labels that stay with their pixels."""

import numpy as np
import pytest

from spikeseg_core.data.augmentation import MOST_NOISE, _bent, _moved, mix_tiles, random_tiles


def sections(count=3, size=64):
    rng = np.random.default_rng(0)
    labels = (rng.random((count, size // 8, size // 8)) < 0.3).repeat(8, 1).repeat(8, 2)
    return labels.astype(np.float32) * 4 - 2, labels.astype(np.uint8)[..., np.newaxis]


def test_shapes_and_determinism():
    images, labels = sections()
    x, y = random_tiles(images, labels, 32, 5, np.random.default_rng(1))
    again = random_tiles(images, labels, 32, 5, np.random.default_rng(1))
    other = random_tiles(images, labels, 32, 5, np.random.default_rng(2))
    assert x.shape == y.shape == (5, 32, 32, 1)
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert not np.array_equal(x, other[0])


def test_labels_move_with_their_pixels():
    images, labels = sections()
    x, y = random_tiles(images, labels, 48, 40, np.random.default_rng(3))
    assert set(np.unique(y)) == {0.0, 1.0}
    for tile, label in zip(x, y, strict=True):
        # The image is the label, up to contrast, brightness and noise.
        middle = (tile.min() + tile.max()) / 2
        np.testing.assert_array_equal(tile > middle, label == 1)


def test_every_channel_of_the_targets_stays_with_its_pixel():
    images, labels = sections()
    both = np.concatenate([labels, 3.0 * labels], axis=-1)
    _, y = random_tiles(images, both, 48, 4, np.random.default_rng(3))
    assert y.shape == (4, 48, 48, 2)
    np.testing.assert_array_equal(y[..., 1], 3 * y[..., 0])


def test_noise_is_as_strong_as_stated():
    flat = np.zeros((1, 64, 64), np.float32)
    x, _ = random_tiles(flat, flat[..., np.newaxis], 64, 400, np.random.default_rng(4))
    spread = x.std(axis=(1, 2, 3))
    assert spread.max() < 1.1 * MOST_NOISE
    assert abs(spread.mean() - MOST_NOISE / 2) < 0.1 * MOST_NOISE


def test_without_deformation_and_variation_draws_are_as_they_always_were():
    images, labels = sections()
    x, y = random_tiles(images, labels, 32, 3, np.random.default_rng(8))
    rng = np.random.default_rng(8)
    for index in range(3):
        section, row, column = (int(rng.integers(n)) for n in (3, 33, 33))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        image, label = (
            np.rot90(stack[section, row : row + 32, column : column + 32], turns)
            for stack in (images, labels)
        )
        contrast, brightness = np.exp(rng.normal(0, 0.13)), rng.normal(0, 0.15)
        noise = rng.uniform(0, 0.15) * rng.standard_normal((32, 32), np.float32)
        step = -1 if mirrored else 1
        expected = image[:, ::step] * contrast + brightness + noise
        np.testing.assert_array_equal(x[index, ..., 0], expected.astype(np.float32))
        np.testing.assert_array_equal(y[index], label[:, ::step])


def waves(size):
    """A section whose grey is a smooth function of the place, as is its first target."""
    rows, columns = np.mgrid[:size, :size]
    grey = (np.sin(rows / 9) + np.cos(columns / 7)).astype(np.float32)[np.newaxis]
    return grey, np.stack([grey, np.ones_like(grey)], axis=-1)


@pytest.mark.parametrize("size", [96, 48, 20])
def test_bent_tiles_take_their_targets_along(size):
    """Larger than a tile, as large, and smaller."""
    images, targets = waves(size)
    x, y = random_tiles(images, targets, 48, 30, np.random.default_rng(9), elastic_px=3.0)
    plain, _ = random_tiles(images, targets, 48, 30, np.random.default_rng(9))
    assert x.dtype == y.dtype == np.float32
    for tile, target in zip(x[..., 0], y[..., 0], strict=True):
        assert np.corrcoef(tile.ravel(), target.ravel())[0, 1] > 0.97
    np.testing.assert_allclose(y[..., 1], 1, atol=1e-6)
    assert np.abs(x[0] - plain[0]).mean() > 0.05


def test_a_deformation_moves_pixels_as_far_as_stated():
    rng = np.random.default_rng(10)
    still = np.mgrid[100:196, 150:246]
    moved = np.stack([_moved((100, 150), 96, 4.0, rng) - still for _ in range(60)])
    assert 0.6 * 4 < moved.std() < 1.1 * 4
    assert abs(moved.mean()) < 0.5
    assert np.abs(np.diff(moved, axis=2)).max() < 1.5  # smooth: no pixel passes another by much


@pytest.mark.parametrize("corner", [(0, 0), (48, 48), (20, 0)], ids=str)
def test_the_strongest_deformation_may_leave_the_section(corner):
    images, targets = waves(96)
    for seed in range(20):
        at = _moved(corner, 48, 20.0, np.random.default_rng(seed))
        bent, target = _bent(images[0], targets[0], at)
        assert np.abs(bent - target[..., 0]).mean() < 0.02
    far = np.mgrid[:48, :48] + 500.0
    assert np.isfinite(_bent(images[0], targets[0], far)[0]).all()


def test_variation_in_grey_changes_grey_alone_and_by_its_strength():
    images, labels = sections(size=96)
    spread = {}
    for strength in (0.0, 0.5, 1.0):
        x, y = random_tiles(images, labels, 64, 100, np.random.default_rng(11), intensity=strength)
        assert set(np.unique(y)) == {0.0, 1.0}
        assert np.isfinite(x).all()
        membrane = np.array([tile[label == 1].mean() for tile, label in zip(x, y, strict=True)])
        spread[strength] = membrane.std()
    assert spread[0.0] < spread[0.5] < spread[1.0]
    flat = np.zeros((1, 64, 64), np.float32)
    x, _ = random_tiles(flat, flat[..., None], 64, 1, np.random.default_rng(1), intensity=1.0)
    assert np.isfinite(x).all()


def test_small_sections_are_mirrored():
    images, labels = sections(size=16)
    x, _ = random_tiles(images, labels, 24, 4, np.random.default_rng(0))
    assert x.shape == (4, 24, 24, 1)
    assert np.isfinite(x).all()


def test_mixed_tiles_are_blends_and_so_is_what_belongs_to_them():
    x = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((1, 4, 4, 1), np.float32)
    mixed, targets = mix_tiles(x, 10 * x, 1.0, np.random.default_rng(5))
    assert mixed.dtype == targets.dtype == np.float32
    np.testing.assert_allclose(targets, 10 * mixed, rtol=1e-6)
    for index in range(1, 6):  # between the tile and the middle to the one before
        assert index - 0.5 <= mixed[index].min() == mixed[index].max() <= index
    assert len(np.unique(mixed[1:] - x[1:])) == 5


def test_none_are_mixed_unless_asked_and_some_by_share():
    x = np.random.default_rng(6).normal(size=(400, 2, 2, 1)).astype(np.float32)
    rng = np.random.default_rng(7)
    before = rng.bit_generator.state
    same, _ = mix_tiles(x, x, 0.0, rng)
    assert same is x and rng.bit_generator.state == before
    mixed, _ = mix_tiles(x, x, 0.25, rng)
    share = (mixed != x).any(axis=(1, 2, 3)).mean()
    assert 0.18 < share < 0.32
