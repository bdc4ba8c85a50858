from pathlib import Path
from typing import Any

from spikeseg_core.report.document import SYNTHETIC
from spikeseg_core.report.folders import recorded_stage
from spikeseg_core.report.render import html, markdown, words
from spikeseg_core.report.run import results, run_report, short_report, summarize
from tests.fakes import PNG
from tests.spikeseg_core.report.recorded import write_pipeline


def test_the_report_has_every_table(summary: dict[str, Any]) -> None:
    found = [words(section.title) for section in run_report(summary, {}).sections if section.tables]
    assert found == [
        "Accuracy on the test sections",
        "Change by each step",
        "Cores and chips",
        "Energy per section, mJ",
        "Minutes",
        "Data",
    ]


def test_energy_names_its_basis_and_can_leave_out_publications(summary: dict[str, Any]) -> None:
    table = results(summary)["Energy per section, mJ"]
    assert table.heading[-1] == "basis"
    assert [row[-1] for row in table.rows] == ["modelled", "published"]
    assert [row[0] for row in table.rows] == ["Loihi, deployed", "GPU, keyword spotter"]
    short = [one for one in short_report(summary).sections if one.title == "Energy per section, mJ"]
    assert [row[-1] for row in short[0].tables[0].rows] == ["modelled"]


def test_the_page_needs_nothing_else(summary: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "training.png").write_bytes(PNG)
    files = {"train": [tmp_path / "training.png", tmp_path / "gone.png"]}
    page = html(run_report(summary, files))
    assert page.count("data:image/png;base64,") == 1
    assert 'src="http' not in page
    assert "<link" not in page
    assert SYNTHETIC in page
    assert "&lt;script&gt;" in page  # the note is a user's text
    assert "<script>" not in page


def test_real_data_are_not_called_synthetic(summary: dict[str, Any]) -> None:
    summary["dataset"]["synthetic"] = False
    report = run_report(summary, {})
    assert SYNTHETIC not in html(report)
    assert SYNTHETIC not in markdown(report)


def test_the_markdown_has_the_same_tables(summary: dict[str, Any]) -> None:
    report = run_report(summary, {})
    text = markdown(report)
    for section in report.sections:
        for table in section.tables:
            assert f"## {section.title}" in text
            assert f"| {' | '.join(words(name) for name in table.heading)} |" in text
    assert "**v_rand is 0.0300 below the ANN's**" in text


def test_a_summary_says_what_the_stages_found(tmp_path: Path) -> None:
    folders = write_pipeline(tmp_path, 0.96, mapped=False, started=100.0)
    stages = {folder.name.split("-")[0]: recorded_stage(folder) for folder in folders}
    found = summarize(stages, 200.0, {"v_rand": 0.001})
    assert found["dataset"]["synthetic"] is False
    assert list(found["stages"]) == ["ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi"]
    assert found["mapping"]["metrics"]["mapping/cores"] == 256.0
    assert found["mapping"]["strategy"] == "optimized"
    assert found["minutes"]["train"] == 1.0
    assert found["reused"] == list(stages)
    assert summarize(stages, 50.0, {})["reused"] == []
    assert "v_rand is 0.0030 below" in found["losses"]["warnings"][0]
