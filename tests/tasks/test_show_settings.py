from __future__ import annotations

import pytest

from tasks.show_settings import show_settings


def test_a_setting_has_its_type_range_value_in_each_preset_and_description(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (found,) = show_settings(["train.epochs"])
    said = capsys.readouterr().out
    assert "train.epochs  = 45 (quick), 75 (paper)" in said
    assert "Maximum epochs: training ends earlier if patience runs out" in said
    assert "whole number, 1 to 2000" in said
    assert "--set 'train.epochs=45'" in said
    assert found["name"] == "train.epochs"
