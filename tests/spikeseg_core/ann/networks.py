"""Small networks and data that the tests of several modules share."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from spikeseg_core.reporting import Silent
from spikeseg_core.stack import tf

TINY = Network(
    name="tiny",
    tile=16,
    layers=(
        Layer("stem", 4, (Connection(IMAGE, kernel=4, stride=2),), on_chip=False),
        Layer("down", 8, (Connection("stem", kernel=3, stride=2),)),
        Layer(
            "up",
            4,
            (
                Connection("down", kind="conv_transpose", kernel=4, stride=2),
                Connection("stem", kernel=3),
            ),
        ),
    ),
    readout=Connection("up", kind="conv_transpose", kernel=4, stride=2),
)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run the steps of training operation by operation.

    For a few steps of so small a network, compiling takes nearly all of the time.
    """
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def assert_gradients(loss: Any, tape: Any, model: Any) -> None:
    """Check that a gradient reaches every weight."""
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.any(gradient.numpy() != 0), weight.name


def tiny_dataset(sections: int = 4, size: int = 40, seed: int = 0, unlabelled: int = 0) -> Any:
    """Sections with the parts of a Dataset that training uses; membrane is where it is dark.

    Sections without labels are wider than the others.
    """
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(sections, size // 4, size // 4)).repeat(4, axis=1).repeat(4, axis=2)
    labels = (waves < -0.5).astype(np.uint8)
    images = (waves + 0.1 * rng.normal(size=waves.shape)).astype(np.float32)
    more = rng.normal(size=(unlabelled, size, size + 8)).astype(np.float32)
    splits = {
        "train": np.arange(sections - 2),
        "validation": np.array([sections - 2]),
        "test": np.array([sections - 1]),
    }
    return SimpleNamespace(
        images=images,
        labels=labels,
        splits=splits,
        section_shape=(size, size),
        split=lambda name: (images[splits[name]], labels[splits[name]]),
        grid=TileGrid((size, size), TINY.tile, 3),
        tiles_per_axis=3,
        without_labels=lambda: more,
        source="synthetic",
    )


class KilledError(Exception):
    pass


class KillAfter(Silent):
    """Ends the run, as a kill would, after this many epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def progress(self, done: float, total: float, message: str) -> None:
        if done >= self.epochs:
            raise KilledError


class KillAfterAll(Silent):
    """Ends the run after this many epochs of all fits together."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def progress(self, done: float, total: float, message: str) -> None:
        self.left -= 1
        if not self.left:
            raise KilledError
