"""Random networks for property tests. Needs hypothesis, which nothing else of the core does."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from spikeseg_core.testing.designs import Cells, Design, Wires
from spikeseg_core.testing.networks import LayerSpec, Link, NetworkSpec, Shape, out_shape


@st.composite
def network_specs(draw: st.DrawFn) -> NetworkSpec:
    """Draw layers of both kinds of convolution, skips, tiles, axon formats, far thresholds."""
    side = st.integers(3, 9)
    host = (draw(side), draw(side), draw(st.integers(1, 4)))
    shapes: list[Shape] = [host]
    layers: list[LayerSpec] = []
    for index in range(draw(st.integers(1, 3))):
        source = draw(st.integers(0, index)) if draw(st.booleans()) else index
        link = draw(links(source - 1, shapes[source]))
        channels = 4 * draw(st.integers(1, 3))
        shape = out_shape(shapes[source], link, channels)
        into = [link]
        for k, other in enumerate(shapes):
            skip = Link(k - 1, (3, 3), 1, "same", False, link.pop_type)
            if k != source and out_shape(other, skip, channels) == shape and draw(st.booleans()):
                into.append(skip)
        columns = draw(st.integers(1, shape[1]))
        depth = draw(st.sampled_from([4, channels]))
        # A core has 1,024 compartments.
        rows = draw(st.integers(1, min(shape[0], 1024 // (columns * depth))))
        tile = (rows, columns, depth)
        layers.append(
            LayerSpec(
                shape,
                tile,
                tuple(into),
                tau=draw(st.sampled_from([None, 0.002, 0.01, 0.1])),
                log_gain=draw(st.floats(0.5, 4.5)),
                bias=draw(st.sampled_from([0.0, 0.0, 0.3, 2.0])),
            )
        )
        shapes.append(shape)
    return NetworkSpec(
        host,
        tuple(layers),
        rate=draw(st.sampled_from([100.0, 500.0, 3000.0])),
        weights=draw(st.sampled_from(["normal", "positive", "equal"])),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def links(draw: st.DrawFn, source: int, shape: Shape) -> Link:
    """Draw a connection from a source of a shape."""
    if min(shape[:2]) * 2 <= 12 and draw(st.booleans()):
        kernel = draw(st.sampled_from([(2, 2), (3, 3), (4, 4)]))
        return Link(source, kernel, 2, "same", True, draw(st.sampled_from([16, 32])))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    fits = kernel[0] <= shape[0] and kernel[1] <= shape[1]
    padding = draw(st.sampled_from(["same", "valid"])) if fits else "same"
    return Link(
        source,
        kernel,
        draw(st.sampled_from([1, 2, 4])),
        padding,
        False,
        draw(st.sampled_from([16, 32])),
    )


@st.composite
def designs(draw: st.DrawFn, n_steps: int = 40) -> Design:
    """Draw blocks of integers that may differ in everything, wired at random, loops included."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rates = draw(st.lists(st.sampled_from([0.05, 0.3, 1.0]), max_size=2))
    inputs = [
        (rng.random((n_steps, draw(st.integers(1, 40)))) < rate).astype(np.uint8) for rate in rates
    ]
    blocks = [draw(cells(rng)) for _ in range(draw(st.integers(1, 4)))]
    ends = [(k, block.n) for k, block in enumerate(blocks)]
    sources = [*ends, *((-1 - i, x.shape[1]) for i, x in enumerate(inputs))]
    wires = [
        draw(wiring(rng, source, target))
        for source in sources
        for target in ends
        if draw(st.booleans())
    ]
    return Design("random", "any", "Drawn at random.", blocks, wires, inputs, n_steps)


@st.composite
def cells(draw: st.DrawFn, rng: np.random.Generator) -> Cells:
    """Draw a block whose compartments differ."""
    n = draw(st.integers(1, 40))
    scale = 2 ** draw(st.integers(6, 23))  # of thresholds and biases
    return Cells(
        n,
        vth=rng.integers(0, scale, n).tolist(),
        bias=(rng.integers(-scale, scale, n) * rng.integers(0, 2, n)).tolist(),
        decay_u=rng.choice([0, 1, 300, 2000, 4094, 4095], n).tolist(),
        decay_v=rng.choice([0, 1, 300, 2000, 4094, 4095], n).tolist(),
        refract=rng.integers(1, draw(st.sampled_from([2, 5, 63])), n).tolist(),
        vmin=draw(st.sampled_from([0, -1000, -(2**20), -(2**23) + 1])),
        vmax=draw(st.sampled_from([1000, 2**20, 2**23 - 1])),
        start=draw(st.sampled_from([0, 900])),
    )


@st.composite
def wiring(
    draw: st.DrawFn, rng: np.random.Generator, source: tuple[int, int], target: tuple[int, int]
) -> Wires:
    """Draw synapses of any axon format from a source to a block, each ``(index, size)``."""
    n_target = target[1]
    size = 2 ** draw(st.integers(1, 21))
    reach = draw(st.integers(1, n_target))
    pop_type = draw(st.sampled_from([0, 16, 32]))
    n_rows, n_atoms = draw(st.integers(1, 5)), 1 if pop_type == 0 else draw(st.integers(1, 4))
    n_axons = draw(st.integers(1, 8))
    sizes = rng.integers(1, reach + 1, n_rows)
    own = draw(st.booleans())  # every atom has targets of its own
    targets = [
        np.stack([rng.permutation(reach)[:size] for _ in range(n_atoms if own else 1)])
        for size in sizes
    ]
    return Wires(
        source[0],
        target[0],
        weights=[rng.integers(-size, size, (n_atoms, n)) for n in sizes],
        targets=[t.tolist() for t in targets],
        rows=rng.integers(0, n_rows, n_axons).tolist(),
        bases=rng.integers(-1, n_target - reach + 1, n_axons).tolist(),
        axons=rng.integers(-1, n_axons, source[1]).tolist(),
        atoms=rng.integers(0, n_atoms, source[1]).tolist(),
        pop_type=pop_type,
    )
