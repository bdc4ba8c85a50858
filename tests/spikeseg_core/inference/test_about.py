from __future__ import annotations

from spikeseg_core.inference.about import UNKNOWN, About


def test_facts_are_text_and_what_is_not_known_says_so() -> None:
    facts = About("quick", 0.3, 3, "ISBI 2012", scores={"v_rand": 0.98765}).facts()
    assert facts["threshold"] == "0.3"
    assert facts["scores"] == "v_rand 0.9877"
    assert {facts[name] for name in ("pixel_size_nm", "licence", "authors")} == {UNKNOWN}
    full = About("quick", 0.3, 3, "d", pixel_nm=4, licence="CC0-1.0", authors=("A", "B")).facts()
    assert (full["pixel_size_nm"], full["licence"], full["authors"]) == ("4", "CC0-1.0", "A, B")
