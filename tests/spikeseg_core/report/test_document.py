import pytest

from spikeseg_core.report.document import (
    Picture,
    Section,
    Table,
    four_digits,
    in_words,
    number,
)
from spikeseg_core.report.stated import Link, significant


def test_numbers_have_the_digits_a_reader_can_use() -> None:
    assert [number(x) for x in (None, 3, 238_000.0, 0.92131, 17.04, 1234.5, 1e-6, True, "a")] == [
        *("-", "3", "238,000", "0.9213", "17.0", "1,234.5", "1e-06", "True", "a")
    ]
    assert [significant(x) for x in (None, 0.0, 0.01234, 7.333, 30.26, 1234.5)] == [
        *("–", "0", "0.0123", "7.33", "30.3", "1,234")
    ]
    assert [four_digits(x) for x in (0.12345, 12.345)] == ["0.1235", "12.35"]


def test_a_row_has_a_cell_for_every_heading() -> None:
    with pytest.raises(ValueError, match="2 cells under 1"):
        Table(["one"], [["a", "b"]])


def test_a_picture_is_part_of_the_page() -> None:
    with pytest.raises(ValueError, match="embed it in the page"):
        Picture("http://host/x.png", "a")


def test_the_runs_behind_a_section_are_named_once() -> None:
    run = Link("0a1b", None)
    behind = Section("title", runs=[run, run]).behind
    assert behind is not None
    assert behind.markdown() == "`0a1b`"
    assert Section("title").behind is None


@pytest.mark.parametrize(("names", "told"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_names_are_listed_as_in_a_sentence(names: str, told: str) -> None:
    assert in_words(list(names)) == told
