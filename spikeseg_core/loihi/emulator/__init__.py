"""The chip in integers: the same spikes as NengoLoihi's emulator, hundreds of times faster."""

from spikeseg_core.loihi.emulator.engine import CoreEvents, Emulator, EmulatorRun

__all__ = ["CoreEvents", "Emulator", "EmulatorRun"]
