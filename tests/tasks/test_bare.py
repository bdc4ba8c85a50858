from __future__ import annotations

from pathlib import Path

from spikeseg_core.config.presets import preset
from spikeseg_core.stages.table import STAGES
from tasks.bare import run_bare
from tests.fakes import FakeStages


def test_all_stages_run_into_folders_named_after_them(tmp_path: Path, fakes: FakeStages) -> None:
    run_bare(preset("quick"), tmp_path)
    assert list(fakes.calls) == list(STAGES)
    assert {path.parent.name for path in tmp_path.glob("*/made.npz")} == set(STAGES)
