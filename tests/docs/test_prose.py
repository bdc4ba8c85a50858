"""The rules of style that a machine can check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.prose import DOCS, LEDGER, ROOT, ends, pages, paragraphs, sentences

MOST_WORDS = 1500
MOST_WORDS_OF_A_PARAGRAPH = 90
MOST_LINES_OF_THE_README = 110


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in pages() if page != LEDGER], ids=name)
def test_no_page_is_long(page: Path) -> None:
    words = len(page.read_text().split())
    assert words <= MOST_WORDS, f"{words} words, {MOST_WORDS} at most: figures go to the ledger"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_paragraph_is_long(page: Path) -> None:
    for paragraph in paragraphs(page.read_text()):
        words = len(paragraph.text.split())
        assert words <= MOST_WORDS_OF_A_PARAGRAPH, f"line {paragraph.number}: {words} words"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_line_is_a_sentence(page: Path) -> None:
    for paragraph in paragraphs(page.read_text()):
        for offset, line in enumerate(paragraph.prose):
            where = f"line {paragraph.number + offset}: {line}"
            assert len(sentences(line)) == 1, f"more than one sentence in {where}"
            assert offset == len(paragraph.prose) - 1 or ends(line), f"no end in {where}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES_OF_THE_README


def test_every_study_of_the_ledger_has_its_four_parts() -> None:
    _, *entries = LEDGER.read_text().split("\n## ")
    assert len(entries) >= 27
    for entry in entries:
        for part in ("**Claim.**", "**Command.**", "**Verdict.**", "\n|---"):
            assert part in entry, f"{entry.splitlines()[0]}: no {part}"


def test_every_study_is_in_the_list_at_the_top() -> None:
    top, *entries = LEDGER.read_text().split("\n## ")
    for entry in entries:
        assert f"[{entry.splitlines()[0]}](#" in top


def test_every_picture_is_used() -> None:
    texts = "\n".join(page.read_text() for page in pages())
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name}" in texts, f"{picture.name} is on no page"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("Wu et al. 2021 say so. `make` runs.", ["Wu et al. 2021 say so.", "`make` runs."]),
        (
            "A value of 0.5 (that is half.) Then more.",
            ["A value of 0.5 (that is half.)", "Then more."],
        ),
        ("The key `a. B` stays.", ["The key `a. B` stays."]),
    ],
)
def test_sentences_are_told_apart(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_paragraphs_are_prose_alone() -> None:
    text = (
        "# T\n\nOne.\nTwo.\n\n- a b\n  c\n\n| x |\n\n```bash\nls\n```\n<!-- no\nprose -->\nEnd.\n"
    )
    assert [paragraph.text for paragraph in paragraphs(text)] == ["One. Two.", "- a b c", "End."]
