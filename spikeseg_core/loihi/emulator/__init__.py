"""The chip in integers: the same spikes as NengoLoihi's emulator, hundreds of times faster."""

from spikeseg_core.loihi.emulator.engine import Emulator, EmulatorRun, EventCounts
from spikeseg_core.loihi.emulator.host import host_spikes

__all__ = ["Emulator", "EmulatorRun", "EventCounts", "host_spikes"]
