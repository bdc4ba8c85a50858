from spikeseg_core.report.document import Document
from spikeseg_core.report.render import words

Pages = dict[str, tuple[str, str]]


def test_sweeps_that_are_there_are_shown_and_others_named(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| 17.1 |" in text
    assert "`spikeseg sweep ablation-rate-loss`" not in text
    assert "`spikeseg sweep operating-point`" in text
    assert "`spikeseg report --preset quick --seeds 0,1,2`" in pages["quick"][1]


def test_the_finding_names_what_is_best(built: dict[str, Document]) -> None:
    found = words(built["paper"].sections[1].finding)
    assert found.startswith("No recorded network is best in both: paper")
    assert "the most accurate, with a V_Rand of" in found
    assert "the most economical, with" in found
