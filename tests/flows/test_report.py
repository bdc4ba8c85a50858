from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.report import SYNTHETIC, html_report, markdown_report, number, tables
from tests.fakes import PNG


def test_numbers_have_the_digits_a_reader_can_use() -> None:
    assert [number(x) for x in (None, 3, 238_000.0, 0.92131, 17.04, 1234.5, 1e-6, True, "a")] == [
        *("-", "3", "238,000", "0.9213", "17.0", "1,234.5", "1e-06", "True", "a")
    ]


def test_every_table_has_a_cell_for_every_heading(summary: dict[str, Any]) -> None:
    found = tables(summary)
    assert list(found) == [
        "Accuracy on the test sections",
        "What each step changed",
        "Cores and chips",
        "Energy of a section, mJ",
        "Minutes",
        "Data",
    ]
    for heading, rows in found.values():
        assert all(len(row) == len(heading) for row in rows)


def test_energy_names_its_basis_and_can_leave_out_publications(summary: dict[str, Any]) -> None:
    heading, rows = tables(summary)["Energy of a section, mJ"]
    assert heading[-1] == "basis"
    assert [row[-1] for row in rows] == ["modelled", "published"]
    assert [row[-1] for row in tables(summary, published=False)["Energy of a section, mJ"][1]] == [
        "modelled"
    ]


def test_the_page_needs_nothing_else(summary: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "training.png").write_bytes(PNG)
    page = html_report(summary, {"train": [tmp_path / "training.png", tmp_path / "gone.png"]})
    assert page.count("data:image/png;base64,") == 1
    assert 'src="http' not in page
    assert "<link" not in page
    assert SYNTHETIC in page
    assert "&lt;script&gt;" in page  # the note is a user's text
    assert "<script>" not in page


def test_real_data_are_not_called_synthetic(summary: dict[str, Any]) -> None:
    summary["dataset"]["synthetic"] = False
    assert SYNTHETIC not in html_report(summary, {})
    assert SYNTHETIC not in markdown_report(summary)


def test_the_markdown_has_the_same_tables(summary: dict[str, Any]) -> None:
    text = markdown_report(summary)
    for title, (heading, _) in tables(summary).items():
        assert f"## {title}" in text
        assert f"| {' | '.join(heading)} |" in text
