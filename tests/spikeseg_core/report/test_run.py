from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikeseg_core.report.document import SYNTHETIC, Section
from spikeseg_core.report.folders import recorded_stage
from spikeseg_core.report.render import html, markdown, words
from spikeseg_core.report.run import run_report, sentences, summarize
from spikeseg_core.report.tables import results
from tests.fakes import PNG
from tests.spikeseg_core.report.recorded import figures, write_pipeline


def titles(sections: Sequence[Section]) -> list[str]:
    return [words(section.title) for section in sections]


def test_what_came_out_is_first_then_accuracy_mapping_energy_time(
    summary: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "overview.png").write_bytes(PNG)
    report = run_report(summary, {"run": [tmp_path / "overview.png"]})
    assert titles(report.sections) == [
        "What came out",
        "Accuracy on the test sections",
        "Cores and chips",
        "Energy per section, mJ",
        "Time",
    ]
    first = report.sections[0]
    assert len(first.pictures) == 1
    assert not first.tables
    accuracy, time = report.sections[1], report.sections[-1]
    assert titles(accuracy.details) == ["Change by each step"]
    assert titles(time.details) == ["Data", "Terms", "Settings", "Where this is recorded"]


def test_three_sentences_tell_accuracy_size_and_energy(summary: dict[str, Any]) -> None:
    summary["stages"]["loihi"] |= {"test/v_rand": 0.94, "spikes/mean_rate_hz": 17.6}
    summary["mapping"] |= {"neurons_on_chip": 69_120}
    summary["energy"]["figures"] = figures()
    assert sentences(summary) == [
        "On the test sections the ANN reaches a V_Rand of 0.970 and a pixel accuracy of 0.910, the "
        "emulated chip a V_Rand of 0.940 and a pixel accuracy of 0.900: more is lost than "
        "tolerated in V_Rand.",
        "The network's 69,120 spiking neurons on chip take 93 cores on 1 chip and fire at 18 Hz on "
        "average.",
        "As deployed, a section takes 100 mJ on Loihi (modelled); the best int8 CPU takes 720 mJ "
        "(modelled), 7.2 times as much.",
    ]


def test_a_busy_machine_is_said_and_gives_no_ratio(summary: dict[str, Any]) -> None:
    summary["energy"]["figures"] = [f | {"busy": f["family"] == "cpu"} for f in figures()]
    last = sentences(summary)[-1]
    assert "kept this machine busy" in last
    assert "times" not in last
    table = results(summary)["Energy per section, mJ"]
    assert [row[-1] for row in table.rows if row[0] == "CPU (busy)"] == [
        "modelled, time measured",
        "measured",
    ]


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
    assert "- V_Rand is 0.0300 below the ANN's." in text


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
