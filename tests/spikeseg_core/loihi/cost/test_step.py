import numpy as np
import pytest

from spikeseg_core.bench.cases import REFERENCE_235K
from spikeseg_core.loihi.cost.constants import PRE_SILICON
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from spikeseg_core.loihi.cost.step import MappedStep
from spikeseg_core.loihi.mapping.mesh import place_on_mesh
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates

TILES = choose_tiles(REFERENCE_235K)
RATES = uniform_rates(REFERENCE_235K, 48.0)
MESSAGES = traffic(REFERENCE_235K, TILES, RATES)


def estimate(strategy, model=None, rates=RATES, mesh=False):
    placement = partition(strategy, MESSAGES)
    if mesh:
        placement = place_on_mesh(MESSAGES, placement)
    return MappedStep.of(REFERENCE_235K, TILES, rates, placement).estimate(model)


def test_a_step_takes_as_long_as_its_slowest_part():
    found = estimate("metis")
    assert found.time_us == max(found.core_us, found.mesh_us, found.link_us) + found.barrier_us
    assert found.bottleneck == f"core {found.busiest_core} (layer {found.busiest_layer})"
    assert found.busiest_layer == MESSAGES.layers[found.busiest_core]


def test_a_dear_link_between_chips_becomes_the_bottleneck():
    cheap, dear = (estimate("metis", LoihiModel(interchip_ns=ns)) for ns in (0.0, 200.0))
    assert cheap.link_us == 0
    assert dear.bottleneck.startswith("link from chip")
    assert dear.time_us > cheap.time_us
    assert estimate("greedy", LoihiModel(interchip_ns=200.0)).time_us > dear.time_us


def test_fewer_crossings_and_hops_save_energy():
    greedy, metis, on_mesh = (
        estimate("greedy"), estimate("metis"), estimate("metis", mesh=True)
    )  # fmt: skip
    assert greedy.dynamic_uj > metis.dynamic_uj > on_mesh.dynamic_uj
    assert on_mesh.mesh_us < metis.mesh_us


def test_both_sets_of_constants_and_silence():
    assert estimate("metis", LoihiModel(constants=PRE_SILICON)).barrier_us == pytest.approx(
        0.465, rel=0.05
    )
    silent = estimate("metis", rates=uniform_rates(REFERENCE_235K, 0.0))
    busy = estimate("metis")
    assert silent.link_us == silent.mesh_us == 0
    assert 0 < silent.dynamic_uj < busy.dynamic_uj
    assert np.isclose(silent.core_us, 1024 * LoihiModel().constants.neuron_active.ns * 1e-3)


def test_a_step_costs_its_share_of_a_presentation_and_no_resets():
    placement = place_on_mesh(MESSAGES, partition("metis", MESSAGES))
    steps = 100
    presentation = loihi_energy(
        events_from_rates(REFERENCE_235K, TILES, RATES, steps, placement), LoihiModel()
    )
    resets = presentation.parts_mj["resets"]
    assert resets > 0
    step = estimate("metis", mesh=True)
    assert steps * step.dynamic_uj == pytest.approx(1e3 * (presentation.dynamic_mj - resets))
