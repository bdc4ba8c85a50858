"""The chip in integers: the same spikes as NengoLoihi's emulator, hundreds of times faster."""

from spikeseg_core.loihi.emulator.engine import Emulator
from spikeseg_core.loihi.emulator.runs import CoreEvents, EmulatorRun, SteadyInput

__all__ = ["CoreEvents", "Emulator", "EmulatorRun", "SteadyInput"]
