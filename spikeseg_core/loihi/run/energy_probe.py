"""Energy of a real Loihi, read with the energy probes of Intel's NxSDK.

NxSDK is available only to members of Intel's research community. The names used here come from
public code that ran on boards; this module was only tested against a stand-in.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spikeseg_core.errors import DataError, MeterError

BUFFER_BINS = 2048
"""Bins kept by the probe; the steps per bin are the power of two that the run needs."""

SOURCE = "NxSDK's energy probe on the board (power of the chips by phase, time per step)"


@dataclass(frozen=True)
class BoardEnergy:
    """The probe's reading for a presentation, or for several without a reset in between.

    Attributes
    ----------
    dynamic_mj, static_mj : float
        Energy in millijoules.
    seconds : float
        Time in seconds.
    steps : int
        Time steps.
    """

    dynamic_mj: float
    static_mj: float
    seconds: float
    steps: int

    def share(self, steps: int) -> BoardEnergy:
        """Return the part that ``steps`` of its steps took, if all took the same."""
        part = steps / self.steps
        return BoardEnergy(
            self.dynamic_mj * part, self.static_mj * part, self.seconds * part, steps
        )

    def to_json(self) -> dict[str, float]:
        """Return a plain dict of the fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BoardEnergy:
        """Read the result of :meth:`to_json`.

        Raises
        ------
        DataError
            If a field is missing or unknown.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise DataError(f"not a board energy ({error}); run the deploy stage again") from None


class BoardProbe:
    """The energy probe of one board, attached before it runs.

    Raises
    ------
    MeterError
        If NxSDK is not installed, or the board does not accept an energy probe.
    """

    def __init__(self, board: Any, steps: int) -> None:
        try:
            enums = importlib.import_module("nxsdk.api.enums.api_enums")
            probes = importlib.import_module("nxsdk.graph.monitor.probes")
        except ImportError as error:
            raise MeterError(f"the energy of a board is read through NxSDK: {error}") from error
        bin_steps = 1 << max(0, (-(-steps // BUFFER_BINS) - 1).bit_length())
        condition = probes.PerformanceProbeCondition(
            tStart=1, tEnd=steps, bufferSize=BUFFER_BINS, binSize=bin_steps
        )
        try:
            board.probe(enums.ProbeParameter.ENERGY, condition)
        except Exception as error:
            # NxSDK may raise anything; few boards have the power meters that the probe needs.
            raise MeterError(f"the board does not accept an energy probe: {error}") from error
        self._board, self._steps = board, steps

    def read(self) -> BoardEnergy:
        """Read the energy after the run, from the power in mW and the time per step in us.

        Raises
        ------
        MeterError
            If the board kept no power profile.
        """
        profile = self._board.energyTimeMonitor.powerProfileStats
        if profile is None:
            raise MeterError("the board kept no power profile; run it to its end before reading")
        seconds = 1e-6 * profile.timePerTimestep * self._steps
        return BoardEnergy(
            dynamic_mj=profile.power["dynamic"] * seconds,
            static_mj=profile.power["static"] * seconds,
            seconds=seconds,
            steps=self._steps,
        )
