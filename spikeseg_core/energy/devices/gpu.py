"""The GPU, metered with NVML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pynvml

from spikeseg_core.energy.devices.meter import IdleMeter, Timer, figures_of_timing
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.errors import MeterError
from spikeseg_core.stack import tf


class NvmlMeter:
    """Energy counter of one NVIDIA GPU.

    Raises
    ------
    MeterError
        If there is no driver or no such GPU, or it has no energy counter (before Volta).
    """

    ranges_mj: Sequence[float] = (float("inf"),)

    def __init__(self, index: int = 0, nvml: Any = pynvml) -> None:
        self._nvml = nvml
        try:
            nvml.nvmlInit()
            self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
            self.source = f"NVML: {nvml.nvmlDeviceGetName(self._handle)}"
            self.read_mj()
        except nvml.NVMLError as error:
            raise MeterError(
                f"GPU {index} cannot be metered ({error}); it needs an NVIDIA GPU (Volta or later) "
                "and its driver"
            ) from error

    def read_mj(self) -> Sequence[float]:
        """Read the counter, in millijoules since the driver was loaded."""
        return (float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)),)


def measure_gpu(
    model: Any,
    tiles: np.ndarray,
    *,
    tiles_per_section: int,
    batches: Sequence[int],
    repeats: int,
    power: IdleMeter,
    timer: Timer,
    device: str = "/GPU:0",
) -> tuple[EnergyFigure, ...]:
    """Time and meter the plain network on a GPU, compiled by XLA, in float32.

    Parameters
    ----------
    model : keras.Model
        The ANN: standardised tiles ``(batch, tile, tile, 1)`` to logits.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``.
    batches : sequence of int
        Tiles per call; 1 is online.
    repeats : int
        Minimum number of timed calls per batch size.
    timer : Timer
        Times them, and looks at the load of the machine.
    device : str
        TensorFlow's name of the device.

    Raises
    ------
    MeterError
        If TensorFlow cannot use the device.
    """
    if device not in {d.name.replace("/physical_device:", "/") for d in _devices()}:
        raise MeterError(
            f"TensorFlow does not see {device}, although its meter works ({power.meter.source}); "
            "install TensorFlow with its CUDA libraries"
        )
    figures: list[EnergyFigure] = []
    run = tf.function(lambda x: model(x, training=False), jit_compile=True)
    for batch in batches:
        with tf.device(device):
            x = tf.constant(np.resize(tiles, (batch, *tiles.shape[1:]))[..., None], tf.float32)
            # Copying the result back is part of the work, and makes the call wait for completion.
            timing = timer(lambda x=x: run(x).numpy(), repeats, power.meter)  # type: ignore[misc]
        figures += figures_of_timing(
            timing,
            power,
            family="gpu",
            precision="fp32",
            batch=batch,
            tiles_per_section=tiles_per_section,
            note="TensorFlow with XLA",
        )
    return tuple(figures)


def _devices() -> list[Any]:
    found: list[Any] = tf.config.list_physical_devices()
    return found
