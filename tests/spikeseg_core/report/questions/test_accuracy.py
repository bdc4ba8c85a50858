from spikeseg_core.report.document import Document
from spikeseg_core.report.render import markdown, words


def test_the_verdict_names_only_what_loses_more_than_is_tolerated(
    built: dict[str, Document],
) -> None:
    section = built["paper"].sections[0]
    text = [words(paragraph) for paragraph in section.answer]
    assert "the ANN reaches a V_Rand of 0.945 [0.950, 0.940] (measured)" in text[0]
    (carried,) = [told for told in text if "one used on new sections" in told]
    assert carried.endswith(("is tolerated.", "which is not known."))
    assert words(section.finding).startswith("No, the loss is more than tolerated in pixel accura")
    # The cross-validation, not the few test sections of the runs.
    assert words(section.finding).endswith("tested once by networks that have not seen it")
    assert "pixel accuracy falls by 0.0200 (measured), 0.002 (set) is tolerated" in text[1]
    assert words(built["quick"].sections[0].finding).endswith("on the test sections")
    assert section.missing == []


def test_steps_sum_and_tolerance_are_of_the_network_as_deployed(built: dict[str, Document]) -> None:
    tables = built["paper"].sections[0].tables
    (steps,) = [one for one in tables if words(one.caption).startswith("Change by each step to")]
    names = [words(row[0]) for row in steps.rows]
    assert names[-1] == "ANN to chips"
    assert "Tolerated losses: 0.002 (set) in pixel accuracy," in words(steps.caption)
    assert "| step | pixel accuracy (measured) |" in markdown(built["paper"])
    assert "presentation time" not in names


def test_the_scores_of_the_cross_validation_come_first(built: dict[str, Document]) -> None:
    scores, changes = built["paper"].sections[0].tables[:2]
    assert words(scores.caption).startswith("Cross-validation: 3 (set) folds, 2 seeds (set). Mean")
    assert words(scores.rows[0][3]).startswith("0.9255 (measured) [0.9")
    assert words(changes.rows[0][3]) == (
        "-0.0200 (measured) [-0.0200 (measured), -0.0200 (measured)]"
    )
    assert len(built["quick"].sections[0].tables) == len(built["paper"].sections[0].tables) - 2


def test_one_seed_asks_for_more(built: dict[str, Document]) -> None:
    folds, missing = built["quick"].sections[0].missing
    assert folds.command.text == "spikeseg sweep cross-validation --preset quick"
    assert missing.command.text == "spikeseg report --preset quick --seeds 0,1,2"
