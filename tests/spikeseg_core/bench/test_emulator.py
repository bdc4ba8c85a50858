import json

import numpy as np
import pytest

from spikeseg_core.bench import emulator as bench
from spikeseg_core.bench import limit
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing.networks import build
from tests.spikeseg_core.loihi.cost.networks import small_network
from tests.spikeseg_core.loihi.emulator.test_engine import small

TINY = small_network(8, (4, 8, 8, 4))


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr(limit, "BANDWIDTH_BYTES", 2**20)
    with nengo_loihi.Simulator(build(small())[0], target="sim") as simulator:
        spikes = np.random.default_rng(0).integers(0, 2, (20, 72), dtype=np.uint8)
        return bench.Case("small", simulator.model, [spikes])


def test_both_emulators_side_by_side(case):
    found = bench.measure(case, repeats=1)
    assert json.loads(json.dumps(found)) == found
    assert found["spikes_equal"] is True
    assert found["neurons"] == 144 + 72 + 144
    assert found["steps"] == 20
    assert found["mean_rate_hz"] > 0
    assert found["ratio"] > 1
    assert found["nengo_loihi_s_per_step"] > found["seconds_per_step"] > 0
    assert found["times_the_limit"] > 0
    assert found["limit_parts_s_per_step"]["synapses"] > 0


def test_a_difference_of_one_spike_is_seen(case, monkeypatch):
    real = Emulator.run

    def wrong(self, *args, **kwargs):
        run = real(self, *args, **kwargs)
        for spikes in run.spikes.values():
            spikes[0, 10, 0, 0, 0] ^= True
        return run

    monkeypatch.setattr(bench.Emulator, "run", wrong)
    assert bench.measure(case, repeats=1)["spikes_equal"] is False


def test_the_report_covers_every_network(case, monkeypatch):
    monkeypatch.setattr(bench, "_reference", lambda gain, steps: case)
    monkeypatch.setattr(bench.larger, "networks", lambda: [TINY])
    found = bench.bench_emulator({}, repeats=1)
    assert len(found["networks"]) == 3
    assert [network["name"] for network in found["larger"]] == ["small"]
    assert found["machine"]["vector_bits"] in {128, 256, 512}
    assert found["basis"] == "measured"
    assert extract_network(case.model).n_neurons == found["networks"][0]["neurons"]
