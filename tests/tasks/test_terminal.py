from __future__ import annotations

import logging

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from spikeseg_core.errors import ConfigError, DataError
from tasks import terminal


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    terminal.console.cache_clear()


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
    bar.update(5, 10, "epoch 5")
    bar.close()
    assert isinstance(screen.file, StringIO)
    assert "epoch 5" in screen.file.getvalue()


@pytest.mark.parametrize(("error", "kept"), [(DataError("x"), False), (KeyError("x"), True)])
def test_only_surprises_have_a_traceback(error: Exception, kept: bool) -> None:
    try:
        raise error
    except Exception as raised:
        exc_info = (type(raised), raised, raised.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), exc_info)
    assert terminal._WithoutTraceback().filter(record)
    assert bool(record.exc_info) is kept


def test_other_work_reports_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report = terminal.TerminalReporter("Bench")
    report.say("[1] networks")
    report.progress(1, 1, "done")
    report.metric("loss", 1.0, 0)
    assert "[1] networks" in capsys.readouterr().err


def test_a_prefect_server_that_is_away_is_named() -> None:
    address = "http://127.0.0.1:9/api"
    with temporary_settings({PREFECT_API_URL: address}), pytest.raises(ConfigError) as raised:
        terminal.check_prefect_answers()
    assert f"no Prefect server answers at {address}" in str(raised.value)
    assert "unset PREFECT_API_URL" in str(raised.value)


def test_without_a_prefect_server_there_is_nothing_to_ask() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        terminal.check_prefect_answers()
