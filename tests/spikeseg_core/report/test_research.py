"""The research report as a whole."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.report.document import SYNTHETIC, Document
from spikeseg_core.report.evidence import gather
from spikeseg_core.report.folders import FolderRecords
from spikeseg_core.report.render import html, markdown, words
from spikeseg_core.report.research import build
from spikeseg_core.report.stated import BASES
from tests.spikeseg_core.report.recorded import write_pipeline

Pages = dict[str, tuple[str, str]]


class Page(HTMLParser):
    """Text of a page that is neither a figure with a basis nor a name; and its figures."""

    FREE = ("style", "title", "code")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.figures: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("img", "meta", "source"):
            self.stack.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = [attributes for _, attributes in self.stack]
        if any("data-basis" in a for a in inside):
            self.figures += [str(a["data-basis"]) for a in inside if "data-basis" in a]
        elif not any(t in self.FREE for t, _ in self.stack) and not any(
            a.get("class") in ("name", "key") for a in inside
        ):
            self.text.append(data)


def test_every_figure_in_it_has_a_basis(pages: Pages) -> None:
    found = Page(pages["paper"][0])
    assert set(found.figures) == set(BASES)
    assert len(found.figures) > 200
    bare = [text for text in found.text if re.search(r"(?<!\w)\d", text)]
    assert bare == []


def test_it_needs_nothing_else_and_stays_small(pages: Pages) -> None:
    page = pages["paper"][0]
    assert 'src="http' not in page
    assert "<link" not in page
    assert "<script" not in page
    assert len(page) < 3_000_000


def test_each_question_has_table_picture_runs_and_what_is_not_known(
    built: dict[str, Document],
) -> None:
    *questions, terms, methods, limits, references = built["paper"].sections
    assert [section.key for section in questions] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    for section in questions:
        assert section.tables, section.key
        assert section.pictures, section.key
        assert section.runs, section.key
        assert section.unknown, section.key
        assert section.answer, section.key
        assert all(table.rows for table in section.tables), section.key
    assert terms.points
    assert methods.answer
    assert len(methods.tables[0].rows) == 3
    assert limits.points
    assert references.points


def test_every_answer_begins_with_yes_no_or_how_far(built: dict[str, Document]) -> None:
    for report in built.values():
        for section in report.sections[:5]:
            assert re.match("(Yes|No|How far|By|Not at all)\\b", words(section.finding)), (
                section.key
            )


def test_the_runs_behind_it_are_named(pages: Pages, recorded: FolderRecords) -> None:
    page = pages["paper"][0]
    runs = [found.run.id for found in (*recorded.pipelines(), *recorded.sweeps())]
    assert len(runs) == 6
    for run_id in (*runs, "bench"):
        assert f"<code>{run_id[:8]}</code>" in page
        assert len(run_id) <= 8 or run_id not in page  # every command takes the beginning


def test_the_median_and_every_seed_in_order(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "0.945 [0.950, 0.940] (measured)" in text  # the ANN's V_Rand
    assert "One seed" not in text


def test_the_same_records_give_the_same_report(recorded: FolderRecords, pages: Pages) -> None:
    again, _ = build(recorded, "quick")
    assert (html(again), markdown(again)) == pages["quick"]


def test_synthetic_sections_are_said_loudly(tmp_path: Path) -> None:
    write_pipeline(tmp_path, 0.99, preset("paper"), synthetic=True, mapped=False)
    report, _ = build(FolderRecords(tmp_path), "paper")
    assert report.warning == SYNTHETIC
    assert SYNTHETIC in html(report)
    assert SYNTHETIC in markdown(report)
    with pytest.raises(Exception, match="spikeseg run --preset quick"):
        gather(FolderRecords(tmp_path), "quick")
