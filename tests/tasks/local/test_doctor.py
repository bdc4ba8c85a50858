from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import DataError
from tasks.local import doctor


def test_each_line_is_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(doctor.SLOW, "stack", lambda: ("ok", "TensorFlow [2] imports"))
    doctor.show(doctor.examine(imports=True))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(doctor.CHECKS) + 1
    assert lines[-1] == "  ok  stack         TensorFlow [2] imports"
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)


def test_a_check_that_breaks_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DataError("disk on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"disk": broken})
    (finding,) = doctor.examine()
    assert (finding.verdict, finding.says) == ("fail", "DataError: disk on fire")
    assert not doctor.show([finding])


@pytest.mark.parametrize(
    ("check", "variable", "value", "way_out"),
    [
        ("dataset", "SPIKESEG_ISBI2012_DIR", "/no/such/folder", "correct it or unset it"),
        ("MLflow", "MLFLOW_TRACKING_URI", "http://127.0.0.1:9", "start it or unset MLFLOW_"),
    ],
)
def test_a_variable_that_leads_nowhere_is_a_failure_with_a_way_out(
    check: str, variable: str, value: str, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    verdict, says = doctor.CHECKS[check]()
    assert verdict == "fail"
    assert way_out in says
