"""Random tiles: shapes, determinism, and labels that stay with their pixels."""

import numpy as np

from spikeseg_core.data.augmentation import MOST_NOISE, mix_tiles, random_tiles


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
