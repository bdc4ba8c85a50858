from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from flows.options import JsonFile, examples


def ask(path: Path) -> Any:
    def command(json: JsonFile = None) -> None:
        pytest.fail("the work has begun")

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, ["--json", str(path)])


def test_json_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    assert "directory" in ask(tmp_path).output
    (tmp_path / "file").touch()
    assert isinstance(ask(tmp_path / "file" / "out.json").exception, OSError)


def test_examples_have_a_line_each() -> None:
    assert examples("spikeseg run", "spikeseg up").count("\n\n") == 2
