import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.testing import cases, difference
from spikeseg_core.testing.engines import layered, reference, stepwise


@pytest.mark.parametrize("engine", [stepwise, reference])
def test_an_engine_passes_every_case(engine):
    assert [found for case in cases() if (found := difference(case, engine))] == []


def test_the_layered_emulator_passes_what_it_accepts():
    passed, refused = [], []
    for case in cases():
        try:
            assert difference(case, layered) is None
            passed.append(case)
        except DeploymentError as error:
            refused.append(str(error))
    assert len(passed) >= 50
    assert all("there is a loop" in text or "differ in" in text for text in refused)
