"""Random networks for property tests. Needs hypothesis, which nothing else of the core does."""

from __future__ import annotations

from hypothesis import strategies as st

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
