from pathlib import Path

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.report.__main__ import main
from tests.spikeseg_core.report.recorded import SWEEPS, write_pipeline, write_sweep


def test_a_report_is_made_from_folders_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pipeline(tmp_path / "stages", 0.9, preset("quick"), mapped=False)
    sweep = write_sweep(tmp_path / "bits", *SWEEPS["bits"])
    words = [str(tmp_path / "stages"), "--preset", "quick", "--sweep", str(sweep)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'research.html'}\n"
    text = (tmp_path / "out" / "research.md").read_text()
    assert "preset `quick`" in text
    assert "Bits (preset paper)" in text


def test_what_is_missing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no finished pipeline of the preset 'paper'" in said
    assert said.count("\n") == 1
