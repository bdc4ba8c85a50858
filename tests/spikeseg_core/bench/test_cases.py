import pytest

from spikeseg_core.bench import cases
from spikeseg_core.bench.reference import LAYERS
from spikeseg_core.config import PipelineConfig


def test_the_reference_is_the_one_of_its_module():
    network = cases.REFERENCE_235K
    assert network.neurons_on_chip == 235_008
    assert {n: network.shape(n) for n in LAYERS} == {n: shape for n, (shape, _) in LAYERS.items()}


def test_what_if_names_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(cases, "WHAT_IF_SCALES", {"238k": 1, "1m": 2})
    found, refused = cases.what_if_cases(PipelineConfig(), None)
    names = {case.name for case in found}
    assert "238k on 2 chips" in names
    assert "1m on 32 chips" in names
    assert {"name": "238k on 1 chips", "fits": False}.items() <= refused[0].items()
    assert all(r["needs_chips"] > 1 for r in refused)
    for case in found:
        assert case.problem.network.neurons_on_chip == pytest.approx(
            {"238k": 238e3, "1m": 950e3}[case.name.split()[0]], rel=0.05
        )
