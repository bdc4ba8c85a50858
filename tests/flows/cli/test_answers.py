from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows.cli.commands import Asked, spikeseg


def test_runs_and_how_many_are_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = Asked()
    asked.stand_in(monkeypatch, "tasks.compare.compare", {"differences": {}})
    spikeseg("compare")
    out = tmp_path / "new" / "out.json"
    spikeseg("compare", "one", "two", "--last", 3, "--all", "--json", out)
    expected = [([], 2, False, None), (["one", "two"], 3, True, None)]
    assert [args for args, _ in asked] == expected
    assert json.loads(out.read_text()) == {"differences": {}}
    assert spikeseg("compare", "--last", 1).exit_code == 2


@pytest.mark.parametrize("well", [True, False])
def test_doctor_fails_if_something_is_wrong(well: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.stand_in(monkeypatch, "tasks.local.doctor.examine")
    Asked().stand_in(monkeypatch, "tasks.local.doctor.show", well)
    assert spikeseg("doctor", "--imports").exit_code == (0 if well else 1)
    assert asked == [((), {"imports": True})]


def test_settings_are_searched_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.stand_in(monkeypatch, "tasks.show_settings.show_settings", [])
    spikeseg("settings")
    spikeseg("settings", "learning", "rate")
    assert [args for args, _ in asked] == [([],), (["learning", "rate"],)]


def test_runs_are_listed_shown_or_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Found:
        page = tmp_path / "report.html"

        def plain(self) -> dict[str, str]:
            return {"name": "a run"}

    asked = Asked()
    for name, result in (("show_list", []), ("find", Found()), ("show_run", None)):
        asked.stand_in(monkeypatch, f"tasks.local.runs.{name}", result)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda page: opened.append(page) is None)
    spikeseg("runs")
    spikeseg("runs", "show", "a", "--json", tmp_path / "out.json")
    assert not opened
    spikeseg("runs", "open", "a")
    assert [args[:1] for args, _ in asked if not args or args[0] == "a"] == [(), ("a",), ("a",)]
    assert len(asked) == 4  # the opened one is not printed
    assert json.loads((tmp_path / "out.json").read_text()) == {"name": "a run"}
    assert opened == [Found.page.as_uri()]


def test_clean_deletes_only_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.stand_in(monkeypatch, "tasks.local.clean.clean", {})
    spikeseg("clean")
    spikeseg("clean", "--yes", "--all")
    assert [kwargs for _, kwargs in asked] == [
        {"delete": False, "everything": False},
        {"delete": True, "everything": True},
    ]
