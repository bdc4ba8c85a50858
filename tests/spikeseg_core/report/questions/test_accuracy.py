from spikeseg_core.report.document import Document
from spikeseg_core.report.render import words


def test_the_verdict_names_only_what_loses_more_than_is_tolerated(
    built: dict[str, Document],
) -> None:
    section = built["paper"].sections[0]
    text = [words(paragraph) for paragraph in section.answer]
    assert text[0].startswith("The ANN reaches a V_Rand of 0.9450 [0.9500, 0.9400] (measured)")
    assert words(section.finding).endswith("more than tolerated in pixel accuracy")
    assert "pixel accuracy falls by 0.00300 (measured), 0.002 (set) is tolerated." in text[1]
    assert section.missing == []


def test_one_seed_asks_for_more(built: dict[str, Document]) -> None:
    (missing,) = built["quick"].sections[0].missing
    assert missing.command.text == "spikeseg report --preset quick --seeds 0,1,2"
