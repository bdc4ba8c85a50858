"""Work of the host while Loihi segments: layers off the chip, their spikes, read-out, blending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import EnergyFigure, Figures, figures_of
from spikeseg_core.network import Network


@dataclass(frozen=True)
class HostSpikes:
    """What it takes the host to list the spikes of its layers, timed for two presentations.

    Every neuron takes a division, however long the presentation, and every spike some
    instructions; so time and energy are linear in the number of steps.

    Attributes
    ----------
    steps : (int, int)
        Steps of the two presentations.
    timed : (sequence of EnergyFigure, sequence of EnergyFigure)
        For each, dynamic, static and total energy of one tile.
    """

    steps: tuple[int, int]
    timed: tuple[Sequence[EnergyFigure], Sequence[EnergyFigure]]

    @property
    def figures(self) -> Sequence[EnergyFigure]:
        """Dynamic, static and total energy of one tile in the longer presentation."""
        return self.timed[1]

    def values(self, steps: float) -> tuple[float, float, float]:
        """Return dynamic mJ, static mJ and seconds for a tile that is presented for ``steps``."""
        share = (steps - self.steps[0]) / (self.steps[1] - self.steps[0])

        def at(few: float, many: float) -> float:
            # More steps never take less, whatever two timings of small networks say.
            return max(0.0, few + share * max(0.0, many - few))

        (dynamic, static, total), (more_dynamic, more_static, more_total) = self.timed
        return (
            at(dynamic.mj_per_section, more_dynamic.mj_per_section),
            at(static.mj_per_section, more_static.mj_per_section),
            at(total.seconds_per_section, more_total.seconds_per_section),
        )


@dataclass(frozen=True)
class HostTimes:
    """What it takes the host to do its part for one tile, timed.

    Attributes
    ----------
    layers, readout, blending : sequence of EnergyFigure
        Dynamic, static and total energy of the currents of its layers, once as the image is
        constant; of one read-out, from the mean of the spikes to probabilities; and of blending the
        tile into its section.
    spikes : HostSpikes
        Of listing the spikes of its layers.
    """

    layers: Sequence[EnergyFigure]
    readout: Sequence[EnergyFigure]
    blending: Sequence[EnergyFigure]
    spikes: HostSpikes

    def parts(self, steps: float, readouts: float) -> dict[str, tuple[float, float, float]]:
        """Return dynamic mJ, static mJ and seconds of each part for a tile."""
        dynamic, static, seconds = _values(self.readout)
        return {
            "layers": _values(self.layers),
            "spikes": self.spikes.values(steps),
            "read-out": (readouts * dynamic, readouts * static, readouts * seconds),
            "blending": _values(self.blending),
        }

    @property
    def groups(self) -> tuple[Sequence[EnergyFigure], ...]:
        """All figures, by timing."""
        return (self.layers, self.readout, self.blending, *self.spikes.timed)

    def with_groups(self, groups: Sequence[Sequence[EnergyFigure]]) -> HostTimes:
        """Return the same with other figures, in the order of :attr:`groups`."""
        layers, readout, blending, few, many = groups
        return HostTimes(layers, readout, blending, replace(self.spikes, timed=(few, many)))


def _values(figures: Sequence[EnergyFigure]) -> tuple[float, float, float]:
    dynamic, static, total = figures
    return dynamic.mj_per_section, static.mj_per_section, total.seconds_per_section


@dataclass(frozen=True)
class Host:
    """The CPU that the chips are attached to.

    Attributes
    ----------
    network : Network
        The network; its layers off the chip, and its read-out, are the host's.
    cpu : sequence of EnergyFigure
        Of the CPU as the opponent.
    times : HostTimes
        Of the CPU as the host.
    """

    network: Network
    cpu: Sequence[EnergyFigure]
    times: HostTimes

    def parts(self, shown: Presented) -> dict[str, tuple[float, float, float]]:
        """Return dynamic mJ, static mJ and seconds of each part of its work, for one section."""
        by_tile = self.times.parts(shown.events.steps, 1 + shown.extra_readouts)
        return {
            name: (shown.tiles * dynamic, shown.tiles * static, shown.tiles * seconds)
            for name, (dynamic, static, seconds) in by_tile.items()
        }

    def work(self, shown: Presented) -> Figures:
        """Return dynamic, static and total energy of the host for one section."""
        parts = self.parts(shown)
        dynamic, static, seconds = (sum(values) for values in zip(*parts.values(), strict=True))
        told = ", ".join(
            f"{name} {1e6 * part[2] / shown.tiles:.0f} us" for name, part in parts.items()
        )
        total = self.times.layers[2]
        return figures_of(
            family="cpu",
            host=True,
            precision=total.precision,
            dynamic_mj=dynamic,
            static_mj=static,
            seconds=seconds,
            basis="modelled",
            time_basis="modelled",
            source=total.source,
            note=f"host, timed by tile: {told}; layers and read-out: {self.times.layers[2].note}",
            tiles=shown.tiles,
            busy=any(figure.busy for group in self.times.groups for figure in group),
        )
