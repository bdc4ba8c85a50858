from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.report.seal import seal_of
from spikeseg_core.storage import write_json, write_text
from tasks.local import runs


def made(home: Path, name: str, account: str, **values: Any) -> Path:
    folder = home / "runs" / name
    write_json(folder / account, values)
    return folder


@pytest.fixture
def two(home: Path, summary: dict[str, Any]) -> Path:
    made(home, "20260101-000000-quick", "summary.json", **summary)
    report = made(home, "20260102-000000-report-quick", "research.json", mlflow_run_id="0abc12345")
    write_text(report / "research.md", "# Five questions [old]\n")
    made(home, "20260103-000000-broken", "other.json")
    return home


def test_the_list_is_newest_first_with_the_chips_scores(
    two: Path, summary: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    listed = runs.show_list()
    assert [each["kind"] for each in listed] == ["report", "pipeline"]
    assert listed[1]["test/v_rand"] == summary["stages"]["loihi"]["test/v_rand"]
    said = capsys.readouterr().out
    assert "20260102-000000-report-quick" in said
    assert "broken" not in said


def test_a_run_is_found_by_any_unambiguous_beginning(two: Path) -> None:
    assert runs.find().kind == "report"
    assert runs.find("20260101").kind == "pipeline"
    assert runs.find("0abc").kind == "report"
    with pytest.raises(ConfigError, match=r"fits several runs: 20260102-.*, 20260101-"):
        runs.find("202601")
    with pytest.raises(ConfigError, match="no run 'none'"):
        runs.find("none")


def test_a_run_is_shown_as_at_its_end(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs.show_run(runs.find("20260101"))
    said = capsys.readouterr().out
    assert "Accuracy on the test sections" in said
    assert str(two / "runs" / "20260101-000000-quick" / "report.html") in said
    runs.show_run(runs.find("0abc"))
    assert "Five questions [old]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("losses", "tolerance"), "Change by each step"),
        (("dataset",), "an old report [x]"),
        (("model",), "an old report [x]"),
        (("energy", "figures"), "Change by each step"),
        (("mlflow", "page"), "an old report [x]"),
    ],
)
def test_a_run_of_another_version_is_shown(
    missing: tuple[str, ...],
    said: str,
    two: Path,
    summary: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    *above, name = missing
    part = summary
    for each in above:
        part = part[each]
    del part[name]
    folder = made(two, "20260101-000000-quick", "summary.json", **summary)
    write_text(folder / "report.md", "an old report [x]\n")
    runs.show_run(runs.find("20260101"))
    assert said in capsys.readouterr().out


def test_a_run_without_its_report_is_one_message(two: Path) -> None:
    made(two, "20260101-000000-quick", "summary.json", minutes={})
    with pytest.raises(ConfigError, match=r"report\.md cannot be read"):
        runs.show_run(runs.find("20260101"))


def test_without_runs_it_says_how_to_make_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runs.show_list() == []
    assert "`spikeseg run` makes one" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="`spikeseg run` makes one"):
        runs.find()


def test_an_edited_score_is_not_shown(
    home: Path, summary: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    sealed = {**summary, "seal": seal_of(summary)}
    folder = made(home, "20260104-000000-quick", "summary.json", **sealed)
    assert [run.name for run in runs.recorded()] == [folder.name]
    sealed["stages"]["loihi"]["test/v_rand"] = 0.9999
    write_json(folder / "summary.json", sealed)
    assert runs.recorded() == []
    assert "summary.json is not shown: it was changed after its run" in caplog.text
