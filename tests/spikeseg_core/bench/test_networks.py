import pytest

from spikeseg_core.bench import networks


def test_a_network_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "NETWORKS", {"LeNet-5": networks.NETWORKS["LeNet-5"]})
    found = networks.bench_networks(steps=60)
    (row,) = found["networks"]
    assert (row["neurons"], row["ensembles"]) == (6 * 14**2 + 16 * 10**2 + 16 * 5**2 + 120 + 84, 5)
    assert row["cores"] >= 5
    assert row["chips"] == 1
    assert row["correlation"] > 0.5
    assert row["total_mj"] > row["dynamic_mj"] > 0
    assert found["weights"] == "random, untrained"
