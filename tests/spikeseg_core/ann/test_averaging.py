import numpy as np
import pytest

from spikeseg_core.ann.averaging import WeightAverage
from spikeseg_core.stack import keras


def model():
    found = keras.Sequential([keras.layers.Dense(2, use_bias=False, input_shape=(1,))])
    found.set_weights([np.zeros((1, 2))])
    return found


def test_the_average_follows_the_weights_quickly_at_first_and_slowly_later() -> None:
    one = model()
    average = WeightAverage(one, 0.9)
    expected = 0.0
    for step in range(1, 200):
        one.set_weights([np.full((1, 2), float(step))])
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    np.testing.assert_allclose(average.get()[0], expected, rtol=1e-5)


def test_the_model_gets_its_own_weights_back() -> None:
    one = model()
    average = WeightAverage(one, 0.9)
    one.set_weights([np.ones((1, 2))])
    with pytest.raises(RuntimeError), average.in_model():
        np.testing.assert_array_equal(one.get_weights()[0], 0)
        raise RuntimeError
    np.testing.assert_array_equal(one.get_weights()[0], 1)


def test_the_state_goes_on_as_if_nothing_had_happened() -> None:
    first, second = model(), model()
    a, b = WeightAverage(first, 0.99), WeightAverage(second, 0.99)
    first.set_weights([np.ones((1, 2))])
    a.update()
    b.set_state(a.state())
    second.set_weights(first.get_weights())
    a.update()
    b.update()
    np.testing.assert_array_equal(a.get()[0], b.get()[0])


def test_no_decay_is_no_average() -> None:
    one = model()
    average = WeightAverage(one, 0.0)
    one.set_weights([np.ones((1, 2))])
    average.update()
    np.testing.assert_array_equal(average.get()[0], 1)
