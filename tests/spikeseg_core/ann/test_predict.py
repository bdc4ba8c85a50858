import numpy as np

from spikeseg_core.ann.predict import tile_logits


def test_every_tile_has_its_logits_whatever_the_batch() -> None:
    tiles = np.random.default_rng(0).normal(size=(7, 4, 4)).astype(np.float32)
    shapes = []

    def model(batch: np.ndarray) -> np.ndarray:
        shapes.append(batch.shape)
        return 2 * batch

    np.testing.assert_array_equal(tile_logits(model, tiles, 3), 2 * tiles)
    assert shapes == [(3, 4, 4, 1), (3, 4, 4, 1), (1, 4, 4, 1)]
