from spikeseg_core.report.questions.rates_and_spikes import _lines
from tests.spikeseg_core.report.recorded import figures

Pages = dict[str, tuple[str, str]]


def test_a_basis_that_a_column_shares_stands_in_its_heading(pages: Pages) -> None:
    _, text = pages["paper"]
    heading = "| device | batch (set) | mJ dynamic | mJ static | mJ total | ms | W |"
    assert heading in text  # the CPU's larger batch was metered, so its columns are mixed
    assert "| GPU, keyword spotter, as published | 1 | 470 [456, 451]" not in text
    published = text[text.index("Published energies of another") :]
    assert "| mJ dynamic (published) | mJ static (published) |" in published
    assert "`spikeseg bench energy --preset paper`" in text


def test_figures_that_differ_in_any_field_are_not_mixed() -> None:
    hosted = [{**one, "host": True, "label": f"{one['label']}, with host"} for one in figures()]
    lines = _lines([figures(), figures(2.0), hosted])
    assert [line.name.text for line in lines[:2]] == ["Loihi, deployed, int8", "CPU, int8"]
    assert lines[0].energies["total"] == [100.0, 200.0]


def test_a_disturbed_timing_is_named() -> None:
    lines = _lines([[one | {"busy": True} for one in figures()]])
    assert lines[1].name.text == "CPU, int8 (busy)"
