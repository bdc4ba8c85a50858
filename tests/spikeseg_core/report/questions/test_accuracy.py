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


def test_the_scores_of_the_cross_validation_come_first(built: dict[str, Document]) -> None:
    scores, changes = built["paper"].sections[0].tables[:2]
    assert words(scores.caption).startswith("Cross-validation: 3 (set) folds, 2 (set) seeds. Mean")
    assert words(scores.rows[0][3]).startswith("0.9255 (measured) [0.9")
    assert words(changes.rows[0][3]) == (
        "-0.0200 (measured) [-0.0200 (measured), -0.0200 (measured)]"
    )
    assert len(built["quick"].sections[0].tables) == len(built["paper"].sections[0].tables) - 2


def test_one_seed_asks_for_more(built: dict[str, Document]) -> None:
    folds, missing = built["quick"].sections[0].missing
    assert folds.command.text == "spikeseg sweep cross-validation --preset quick"
    assert missing.command.text == "spikeseg report --preset quick --seeds 0,1,2"
