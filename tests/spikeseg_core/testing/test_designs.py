import numpy as np

from spikeseg_core.testing.designs import always, random_weights, some, to_all, train


def test_trains_spike_when_they_should():
    np.testing.assert_array_equal(train(0, 3, n=2, n_steps=5)[:, 0], [1, 0, 0, 1, 0])
    assert always(3, 4).sum() == 12
    spikes = some(1, 50, 0.3, 200)
    assert 0.27 < spikes.mean() < 0.33
    np.testing.assert_array_equal(spikes, some(1, 50, 0.3, 200))


def test_every_axon_has_a_row_of_weights():
    assert [row.tolist() for row in to_all(2, 3, 7)] == [[[7, 7, 7]], [[7, 7, 7]]]
    rows = random_weights(2, 40, 5, 100)
    weights = np.concatenate(rows)
    assert weights.shape == (40, 5)
    assert (weights % 2 == 0).all()  # as the chip stores weights of both signs
    assert weights.min() < -50
    assert 50 < weights.max() < 100
