Pages = dict[str, tuple[str, str]]


def test_sweeps_that_are_there_are_shown_and_others_named(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| 17.1 |" in text
    assert "`spikeseg sweep ablation-rate-loss`" not in text
    assert "`spikeseg sweep operating-point`" in text
    assert "`spikeseg report --preset quick --seeds 0,1,2`" in pages["quick"][1]
