"""The moving average of a model's weights, which training is judged by and returns.

At learning rates that find good weights fast, single steps jump around them: from one epoch to the
next the validation loss changes by more than ten epochs gain, and "the best epoch" is the luckiest
one. The average of the last few hundred steps is better than any of them, and smooth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spikeseg_core.stack import tf


class WeightAverage:
    """Exponential moving average of all of a model's weights, statistics of norms included.

    Parameters
    ----------
    decay : float
        Share of the average that each step keeps; with 0 the average is the current weights. It is
        lower in the first steps, ``(1 + n) / (10 + n)``, so that the random initial weights are
        soon forgotten.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self.model = model
        self.decay = decay
        self._steps = tf.Variable(0.0, trainable=False)
        self._values = [tf.Variable(w, trainable=False) for w in model.get_weights()]

    def update(self) -> None:
        """Add the model's weights after a step; may be called in a graph."""
        steps = self._steps.assign_add(1.0)
        change = 1 - tf.minimum(self.decay, (1 + steps) / (10 + steps))
        for value, weight in zip(self._values, self.model.weights, strict=True):
            value.assign_add(change * (weight - value))

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """Give the model its averaged weights inside the block."""
        weights = self.model.get_weights()
        self.model.set_weights(self._values)
        try:
            yield
        finally:
            self.model.set_weights(weights)

    def get(self) -> list[np.ndarray]:
        """Return the averaged weights, in the order of ``model.get_weights()``."""
        return [value.numpy() for value in self._values]

    def state(self) -> list[np.ndarray]:
        """Return everything that :meth:`set_state` needs."""
        return [self._steps.numpy(), *self.get()]

    def set_state(self, state: list[np.ndarray]) -> None:
        """Restore what :meth:`state` returned."""
        for variable, value in zip([self._steps, *self._values], state, strict=True):
            variable.assign(value)
