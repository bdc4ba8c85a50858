from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import DataError
from tasks.local import doctor


def test_each_line_is_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = {name: check for name, check in doctor.CHECKS.items() if name != "stack"}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    doctor.show(doctor.examine())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(checks)
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)


def test_a_check_that_breaks_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DataError("disk on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"disk": broken})
    (finding,) = doctor.examine()
    assert (finding.verdict, finding.says) == ("fail", "DataError: disk on fire")
    assert not doctor.show([finding])


def test_a_data_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIKESEG_ISBI2012_DIR", str(tmp_path / "gone"))
    verdict, says = doctor.CHECKS["dataset"]()
    assert verdict == "fail"
    assert "correct it or unset it" in says


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    verdict, says = doctor.CHECKS["MLflow"]()
    assert verdict == "fail"
    assert "start it or unset MLFLOW_TRACKING_URI" in says
