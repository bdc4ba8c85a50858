"""What is computed on the host while Loihi segments: layers off the chip, and the read-out."""

from __future__ import annotations

from spikeseg_core.energy.figure import EnergyFigure, figures_of, find
from spikeseg_core.network import Connection, Network
from spikeseg_core.presentation.early_exit import CHECKED_EVERY


def host_operations(network: Network, steps: float, checks: float = 0.0) -> float:
    """Multiply-adds that the host does for one tile.

    The host's layers take a constant image, so their currents are computed once; their neurons are
    updated in every step, counted as one multiply-add each. The read-out is applied once, to the
    mean of the spikes.

    Parameters
    ----------
    network : Network
        The network that was mapped.
    steps : float
        Time steps of a tile.
    checks : float
        Read-outs a tile that are made to see whether it has settled, each on a grid of its pixels.
    """
    layers = [
        _multiply_adds(network, layer.name, c)
        for layer, c in network.connections()
        if not layer.on_chip
    ]
    readouts = _multiply_adds(network, None, network.readout) * (1 + checks / CHECKED_EVERY**2)
    return sum(layers) + readouts + steps * network.neurons_off_chip


def _multiply_adds(network: Network, target: str | None, c: Connection) -> int:
    rows, columns, channels, outputs = network.kernel_shape(target, c)
    side = network.sizes[c.source]
    positions = side if c.kind == "conv_transpose" else side // c.stride
    return positions**2 * rows * columns * channels * outputs


def with_host(
    loihi: tuple[EnergyFigure, ...],
    cpu: tuple[EnergyFigure, ...],
    share: float,
) -> tuple[EnergyFigure, EnergyFigure, EnergyFigure]:
    """Return Loihi's figures with the host's share of the work added.

    The share, of the multiply-adds of the network (:func:`host_operations`), is priced as this
    machine's CPU prices the whole network, int8 and online, tile by tile.
    """
    chip = {f.component: f for f in loihi}
    total = chip["total"]
    host = {c: find(cpu, "cpu", "int8", 1, c).cut_into(total.tiles) for c in ("dynamic", "static")}
    return figures_of(
        f"{total.device} + host",
        total.precision,
        total.batch,
        dynamic_mj=chip["dynamic"].mj_per_section + share * host["dynamic"].mj_per_section,
        static_mj=chip["static"].mj_per_section + share * host["static"].mj_per_section,
        seconds=total.seconds_per_section + share * host["dynamic"].seconds_per_section,
        basis="modelled",
        source=f"{total.source}. Host: {host['dynamic'].source}",
        note=f"host does {share:.1%} of the multiply-adds (layers off the chip, read-out), priced "
        f"like the CPU's int8 online run; {total.note}",
        tiles=total.tiles,
    )
