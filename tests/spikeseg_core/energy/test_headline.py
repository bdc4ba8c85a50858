from __future__ import annotations

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.headline import headline


def figure(family: str, mj: float, **fields: object) -> EnergyFigure:
    given = {"family": family, "precision": "int8", "mj_per_section": mj, "source": "a test"}
    given |= {"seconds_per_section": 0.1, "basis": "modelled", "time_basis": "measured"}
    return EnergyFigure(**(given | fields))  # type: ignore[arg-type]


CPUS = [figure("cpu", 160.0, tiles=16), figure("cpu", 100.0, feed="sections")]
DEPLOYED = figure("loihi", 40.0, presentation="deployed", tiles=16)
POINT = figure("loihi", 20.0, presentation="operating point", tiles=9)
HOSTED = figure("loihi", 50.0, presentation="operating point", tiles=9, host=True)


def test_the_operating_point_against_the_best_way_of_feeding_the_cpu() -> None:
    found = headline([DEPLOYED, POINT, HOSTED, *CPUS])
    assert found is not None
    assert (found.loihi, found.cpu) == (POINT, CPUS[1])
    assert (found.ratio, found.ratio_with_host) == (5.0, 2.0)


def test_tiles_are_compared_for_as_many_tiles() -> None:
    found = headline([POINT, CPUS[0]])
    assert found is not None
    assert found.cpu.mj_per_section == 90.0
    assert found.ratio_with_host is None


def test_a_presentation_can_be_asked_for_and_what_is_missing_gives_nothing() -> None:
    found = headline([DEPLOYED, POINT, *CPUS], "deployed")
    assert found is not None
    assert found.ratio == 2.5
    assert headline([POINT, *CPUS], "deployed") is None
    assert headline(CPUS) is None
    assert headline([DEPLOYED]) is None


def test_neither_other_variants_nor_publications_count() -> None:
    other = figure("loihi", 1.0, presentation="deployed", variant="pre-silicon")
    published = figure("cpu", 1.0, variant="keyword spotter", basis="published")
    found = headline([other, DEPLOYED, published, *CPUS])
    assert found is not None
    assert found.ratio == 2.5


def test_a_disturbed_timing_is_told() -> None:
    found = headline([DEPLOYED, figure("cpu", 100.0, busy=True)])
    assert found is not None
    assert found.busy
