import numpy as np
from hypothesis import find, given, settings

from spikeseg_core.testing.networks import out_shape
from spikeseg_core.testing.strategies import designs, network_specs


@settings(max_examples=40, deadline=None)
@given(network_specs())
def test_networks_fit_together_and_on_their_cores(spec):
    shapes = [spec.host, *(layer.shape for layer in spec.layers)]
    for layer in spec.layers:
        assert np.prod(layer.tile) <= 1024
        assert {out_shape(shapes[k.source + 1], k, layer.shape[2]) for k in layer.links} == {
            layer.shape
        }


@settings(max_examples=40, deadline=None)
@given(designs())
def test_designs_have_a_row_for_every_axon_and_a_target_for_every_weight(design):
    for wires in design.wires:
        assert max(wires.rows) < len(wires.weights)
        assert max(wires.axons) < len(wires.rows) == len(wires.bases)
        for weights, targets in zip(wires.weights, wires.targets, strict=True):
            assert len(targets) in {1, len(weights)}
            for row in targets:
                assert weights.shape[1] == len(row) == len(set(row))
            assert max(wires.bases) + np.max(targets) < design.blocks[wires.target].n


def test_skips_transposed_convolutions_and_loops_are_among_them():
    quick = settings(max_examples=500, database=None)
    links = lambda spec: [link for layer in spec.layers for link in layer.links]  # noqa: E731
    find(network_specs(), lambda spec: any(link.up for link in links(spec)), settings=quick)
    find(network_specs(), lambda spec: len(links(spec)) > len(spec.layers), settings=quick)
    find(designs(), lambda made: any(w.source == w.target for w in made.wires), settings=quick)
