from spikeseg_core.report.questions.rates_and_spikes import _lines, _online
from tests.spikeseg_core.report.recorded import figures

Pages = dict[str, tuple[str, str]]


def test_energy_of_loihi_and_the_cpu_online(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "spikes on Loihi take 96.5 mJ [97.0, 96.0] (modelled) and 60.0 ms" in text
    assert "25.0 ms [25.0, 25.0] (measured) on the CPU" in text
    assert "| GPU, keyword spotter, as published |" in text
    assert "| CPU, int8 | total over chips and x86 | 7.10 [7.10, 7.10] (modelled) |" in text
    assert "`spikeseg bench energy --preset paper`" in text


def test_figures_that_differ_in_any_field_are_not_mixed() -> None:
    hosted = [{**one, "host": True, "label": f"{one['label']}, with host"} for one in figures()]
    lines = _lines([figures(), figures(2.0), hosted])
    assert [line.name.text for line in lines[:2]] == ["Loihi, deployed, int8", "CPU, int8"]
    assert lines[0].energies["total"] == [100.0, 200.0]
    assert [_online(order, "cpu") for order in (lines, lines[::-1])] == [lines[1], lines[1]]
    assert _online(lines, "gpu") is None
