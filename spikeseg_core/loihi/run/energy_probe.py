"""Energy of a real Loihi, read by the energy probes of Intel's NxSDK.

NxSDK is given to members of Intel's research community only. The names used here were read in
public code that ran on boards; this module itself has been run against a stand-in alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spikeseg_core.errors import DataError, MeterError

BUFFER_BINS = 2048
"""Bins that the probe keeps; a bin is as many steps, a power of two, as the run needs."""

SOURCE = "NxSDK's energy probe on the board (power of the chips by phase, time a step)"


@dataclass(frozen=True)
class BoardEnergy:
    """What the probe showed for one presentation.

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

    def to_json(self) -> dict[str, float]:
        """Return a plain dict of the fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BoardEnergy:
        """Read what :meth:`to_json` gave.

        Raises
        ------
        DataError
            If a field is missing or another is there.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise DataError(f"no energy of a board ({error}); run the deploy stage again") from None


class BoardProbe:
    """The energy probe of one board, attached before it runs.

    Parameters
    ----------
    board : nxsdk N2Board
        Built, not yet started.
    steps : int
        Time steps that will be run.

    Raises
    ------
    MeterError
        If NxSDK is not installed, or the board takes no energy probe.
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
            # NxSDK raises what it likes; few boards have the power meters that the probe needs.
            raise MeterError(f"the board takes no energy probe: {error}") from error
        self._board, self._steps = board, steps

    def read(self) -> BoardEnergy:
        """Read the energy after the run: power in mW by ``power``, us a step.

        Raises
        ------
        MeterError
            If the board has kept no power profile.
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
