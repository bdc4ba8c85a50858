"""The network as a user would run it on a CPU: ONNX Runtime, float32 or int8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from spikeseg_core.energy.devices.tflite import Precision, in_batches, require_tiles
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.onnx_graph import OnnxGraph

INPUT = "tiles"


def to_onnx(
    network: Network,
    weights: Weights,
    precision: Precision,
    representative: np.ndarray,
    *,
    shuffled: bool,
) -> bytes:
    """Write a network for any batch size.

    Parameters
    ----------
    precision : {"fp32", "int8"}
        Number format; int8 is post-training quantization of weights, by channel, and activations.
    representative : ndarray
        Standardised tiles ``(n, tile, tile)`` of the *training* split, which calibrate the
        activation ranges of int8.
    shuffled : bool
        Whether transposed convolutions are written as convolutions whose channels are moved into
        space: faster in some runtimes and number formats.

    Returns
    -------
    bytes
        A model with float32 input and output.

    Raises
    ------
    ConfigError
        If there are no representative tiles.
    """
    from onnx.helper import set_model_props

    require_tiles(representative)
    graph = OnnxGraph(shuffled=shuffled)
    shape = ("batch", 1, network.tile, network.tile)
    output = graph.network(network, weights, INPUT)
    model = graph.model(network.name, {INPUT: shape}, {output: shape})
    if precision == "fp32":
        return bytes(model.SerializeToString())
    # The mark of a model in which nothing is left to be simplified.
    set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with TemporaryDirectory() as folder:
        quantized = Path(folder) / "int8.onnx"
        _quantize(model, quantized, representative)
        return quantized.read_bytes()


def _quantize(model: Any, to: Path, representative: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Tiles(CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[np.ndarray] = iter(representative.astype(np.float32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            tile = next(self._left, None)
            return None if tile is None else {INPUT: tile[np.newaxis, np.newaxis]}

    # Without an instruction for it, the sum of two products of 8 bits overflows 16 bits unless the
    # weights have 7 (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)
    quantize_static(
        model,
        to,
        Tiles(),
        per_channel=True,
        reduce_range=not multiplies_8_bits(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def multiplies_8_bits() -> bool:
    """Whether the CPU has an instruction that adds products of 8 bits in 32 bits (VNNI, or ARM)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_vnni", "avx_vnni", "asimddp"))


def session(content: bytes, threads: int) -> Any:
    """Load a model into an ``onnxruntime.InferenceSession`` on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Its threads would go on spinning after a call, and disturb what is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class OnnxNet:
    """A model in ONNX Runtime, ready to be called; :meth:`segment_tiles` gives it whole batches."""

    def __init__(self, content: bytes, batch: int = 1, threads: int = 1) -> None:
        self._session = session(content, threads)
        self.batch = batch

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Run a batch, ``(batch, tile, tile)`` float32 to logits of the same shape."""
        (logits,) = self._session.run(None, {INPUT: tiles[:, np.newaxis]})
        return np.asarray(logits)[:, 0]

    def segment_tiles(self, tiles: np.ndarray) -> np.ndarray:
        """Run any number of standardised tiles ``(n, tile, tile)`` to logits of the same shape."""
        return in_batches(self, tiles, self.batch)
