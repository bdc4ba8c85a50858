from __future__ import annotations

import pytest

from tasks import terminal

pytestmark = pytest.mark.usefixtures("fresh_console")


def test_a_log_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = terminal.Bar("Train")
    bar.update(1, 10, "epoch 1")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    bar.update(5, 10, "epoch 5")
    assert "Train: 50 %  epoch 5" in capsys.readouterr().err
    bar.close()


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    from rich.console import Console

    screen = Console(file=StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(terminal, "console", lambda: screen)
    bar = terminal.Bar("Train")
    bar.update(5, 10, "epoch 5 [/x]")
    bar.close()
    assert isinstance(screen.file, StringIO)
    assert "epoch 5 [/x]" in screen.file.getvalue()


def test_other_work_reports_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = terminal.TerminalReporter("Bench")
    report.say("[1] networks")
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    report.progress(0.5, 1, "[/x] of a name")
    report.progress(1, 1, "done")
    report.metric("loss", 1.0, 0)
    said = capsys.readouterr().err
    assert "[1] networks" in said
    assert "50 %  [/x] of a name" in said
