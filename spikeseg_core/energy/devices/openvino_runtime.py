"""The network as a user would run it on a CPU: OpenVINO, float32 or int8."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from spikeseg_core.energy.devices.tflite import in_batches


def can_load() -> bool:
    """Whether OpenVINO is there and its libraries load: it is not made for every machine."""
    try:
        _openvino()
    except ImportError:
        return False
    return True


def _openvino() -> Any:
    # Its import reports to Google Analytics, and no variable forbids it. Without this package it
    # takes a stub, which sends nothing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoNet:
    """An ONNX model in OpenVINO, ready to be called.

    Parameters
    ----------
    content : bytes
        What :func:`~spikeseg_core.energy.devices.onnx_runtime.to_onnx` writes.
    batch : int
        Tiles per call: a fixed shape is faster than one that is looked at in every call.
    threads : int
        Threads that compute.
    """

    def __init__(self, content: bytes, batch: int = 1, threads: int = 1) -> None:
        core = _openvino().Core()
        model = core.read_model(content)
        shape = model.input().partial_shape
        shape[0] = batch
        model.reshape(shape)
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # The operating system places the threads, as it does those of the other runtimes.
            "ENABLE_CPU_PINNING": False,
            "ENABLE_HYPER_THREADING": True,
            # Where the CPU has bfloat16, float32 would be computed in it; int8 stays int8.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._model = core.compile_model(model, "CPU", options)
        self.batch = batch

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Run one batch, ``(batch, tile, tile)`` float32 to logits of the same shape."""
        logits: np.ndarray = self._model(tiles[:, np.newaxis])[0]
        return logits[:, 0]

    def segment_tiles(self, tiles: np.ndarray) -> np.ndarray:
        """Run any number of standardised tiles ``(n, tile, tile)`` to logits of the same shape."""
        return in_batches(self, tiles, self.batch)
