"""Work of the host while Loihi segments: layers off the chip, their spikes, and the read-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import EnergyFigure, Figures, figures_of, find
from spikeseg_core.network import Connection, Network


def host_operations(network: Network, extra_readouts: float = 0.0) -> float:
    """Multiply-adds on the host for one tile; spikes are not among them.

    The image is constant, so the currents of the host's layers are computed once. The read-out is
    applied to the mean of the spikes, once and ``extra_readouts`` times more.
    """
    layers = [
        _multiply_adds(network, layer.name, c)
        for layer, c in network.connections()
        if not layer.on_chip
    ]
    readouts = _multiply_adds(network, None, network.readout) * (1 + extra_readouts)
    return sum(layers) + readouts


def _multiply_adds(network: Network, target: str | None, c: Connection) -> int:
    rows, columns, channels, outputs = network.kernel_shape(target, c)
    side = network.sizes[c.source]
    positions = side if c.kind == "conv_transpose" else side // c.stride
    return positions**2 * rows * columns * channels * outputs


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
            return max(0.0, few + share * (many - few))

        (dynamic, static, total), (more_dynamic, more_static, more_total) = self.timed
        return (
            at(dynamic.mj_per_section, more_dynamic.mj_per_section),
            at(static.mj_per_section, more_static.mj_per_section),
            at(total.seconds_per_section, more_total.seconds_per_section),
        )


@dataclass(frozen=True)
class Host:
    """The CPU that the chips are attached to.

    Attributes
    ----------
    network : Network
        The network; its layers off the chip, and its read-out, are the host's.
    cpu : sequence of EnergyFigure
        Of the CPU; the layers and the read-out are priced like its int8 online run on tiles, by
        their share of the multiply-adds.
    spikes : HostSpikes
        Of the layers, as timed.
    """

    network: Network
    cpu: Sequence[EnergyFigure]
    spikes: HostSpikes

    def work(self, shown: Presented) -> Figures:
        """Return dynamic, static and total energy of the host for one section."""
        dynamic, static, total = (
            find(
                self.cpu, family="cpu", feed="tiles", precision="int8", batch=1, component=c
            ).cut_into(shown.tiles)
            for c in ("dynamic", "static", "total")
        )
        operations = host_operations(self.network, shown.extra_readouts)
        share = operations / self.network.multiply_adds
        spikes = self.spikes.values(shown.events.steps)
        timed = self.spikes.figures[2]
        return figures_of(
            family="cpu",
            host=True,
            precision=total.precision,
            dynamic_mj=share * dynamic.mj_per_section + shown.tiles * spikes[0],
            static_mj=share * static.mj_per_section + shown.tiles * spikes[1],
            seconds=share * total.seconds_per_section + shown.tiles * spikes[2],
            basis="modelled",
            time_basis="modelled",
            source=total.source,
            note=f"host does {share:.1%} of the multiply-adds (layers off the chip, read-out), "
            f"priced like the CPU's int8 online run, and lists the spikes of its "
            f"{self.network.neurons_off_chip} neurons in {1e6 * spikes[2]:.0f} us a tile "
            f"({timed.note})",
            tiles=shown.tiles,
            busy=total.busy or timed.busy,
        )
