"""The network as a user would run it on a CPU: TensorFlow Lite with XNNPACK, float32 or int8."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.stack import tf, without_lines

Precision = Literal["fp32", "int8"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")

_NOTICE = re.compile(
    r"^fully_quantize: |^INFO: Created TensorFlow Lite XNNPACK delegate"
    r"|^W\d{4} .*\b(tf_tfl_flatbuffer_helpers|flatbuffer_export)\.cc:"
)
"""Lines that the converter and the interpreter print from C++, some of them at any log level."""


def to_tflite(model: Any, precision: Precision, batch: int, representative: np.ndarray) -> bytes:
    """Convert a Keras model for one batch size.

    Parameters
    ----------
    model : keras.Model
        Standardised tiles ``(batch, tile, tile, 1)`` to logits of the same shape.
    precision : {"fp32", "int8"}
        Number format; int8 is post-training quantization of weights and activations.
    batch : int
        Tiles per call. XNNPACK plans its memory for one size, so every batch size needs a model.
    representative : ndarray
        Standardised tiles ``(n, tile, tile)`` of the *training* split, which calibrate the
        activation ranges of int8.

    Returns
    -------
    bytes
        A TensorFlow Lite model with float32 input and output.

    Raises
    ------
    ConfigError
        If there are no representative tiles.
    """
    require_tiles(representative)
    shape = (batch, *model.input_shape[1:])
    function = tf.function(lambda tiles: model(tiles, training=False)).get_concrete_function(
        tf.TensorSpec(shape, tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if precision == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _batches(representative, batch)
    with warnings.catch_warnings(), without_lines(_NOTICE):
        # The converter reports its own progress as warnings; none concerns our input.
        warnings.simplefilter("ignore")
        content: bytes = converter.convert()
    return content


def require_tiles(representative: np.ndarray) -> None:
    """Refuse to quantize without tiles.

    Raises
    ------
    ConfigError
        If there are none.
    """
    if len(representative) == 0:
        raise ConfigError("no representative tiles for int8: give tiles of the training split")


def _batches(tiles: np.ndarray, batch: int) -> Iterator[list[np.ndarray]]:
    """Whole batches of tiles; the last one is filled from the start."""
    count = -(-len(tiles) // batch)
    order = np.arange(count * batch) % len(tiles)
    for chosen in order.reshape(count, batch):
        yield [tiles[chosen][..., None].astype(np.float32)]


class TfliteNet:
    """A TensorFlow Lite model ready to be called."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        with warnings.catch_warnings(), without_lines(_NOTICE):
            # It warns that it will move to another package; the pinned TensorFlow still has it.
            warnings.simplefilter("ignore")
            self._interpreter = tf.lite.Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.batch = int(self._input["shape"][0])

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Run one batch, ``(batch, tile, tile)`` float32 to logits of the same shape."""
        self._interpreter.set_tensor(self._input["index"], tiles[..., None])
        self._interpreter.invoke()
        logits: np.ndarray = self._interpreter.get_tensor(self._output["index"])[..., 0]
        return logits

    def segment_tiles(self, tiles: np.ndarray) -> np.ndarray:
        """Run any number of standardised tiles ``(n, tile, tile)`` to logits of the same shape."""
        return in_batches(self, tiles, self.batch)


def in_batches(
    net: Callable[[np.ndarray], np.ndarray], tiles: np.ndarray, batch: int
) -> np.ndarray:
    """Run any number of tiles ``(n, tile, tile)`` in a network that takes ``batch`` at a time."""
    logits = np.empty(tiles.shape, dtype=np.float32)
    for start in range(0, len(tiles), batch):
        part = tiles[start : start + batch].astype(np.float32)
        missing = batch - len(part)
        padded = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
        logits[start : start + batch] = net(padded)[: len(part)]
    return logits
