import shutil
from pathlib import Path

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.errors import DataError
from spikeseg_core.report.folders import FolderRecords, recorded_stage
from tests.spikeseg_core.report.recorded import SWEEPS, write_pipeline, write_sweep


def test_a_stage_is_read_with_its_files(tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path, 0.96, mapped=False)[6]
    stage = recorded_stage(folder)
    assert stage.metrics["loihi"]["test/pixel_accuracy"] == 0.96 - 0.003
    assert stage.file("sections_loihi.png") == folder / "sections_loihi.png"
    assert stage.file("gone.png") is None
    assert stage.folder == folder
    rates, gone = stage.table("rates"), stage.table("gone")
    assert rates is not None
    assert set(rates["mean_rate_hz"]) == {18.0}
    assert gone is None


def test_what_is_not_finished_or_damaged_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not finished"):
        recorded_stage(tmp_path)
    (tmp_path / "stage.json").write_text('{"key": "a"}')
    with pytest.raises(DataError, match=r"stage\.json is damaged"):
        recorded_stage(tmp_path)


def test_pipelines_are_whole_and_the_newest_come_first(tmp_path: Path) -> None:
    old = write_pipeline(tmp_path, 0.96, preset("paper"), mapped=False, started=1.0)
    write_pipeline(tmp_path, 0.90, preset("quick"), mapped=False, started=2.0)
    known = FolderRecords(tmp_path)
    assert [run.preset for run in known.pipelines()] == ["quick", "paper"]
    assert known.pipelines()[1].metrics["ann"]["test/pixel_accuracy"] == 0.96
    shutil.rmtree(old[0])
    assert [run.preset for run in known.pipelines()] == ["quick"]
    assert known.measured("paper") == {}


def test_sweeps_are_read_from_folders_of_their_own(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "bits", *SWEEPS["bits"])
    (sweep,) = FolderRecords(tmp_path, [folder, tmp_path / "none"]).sweeps()
    assert sweep.title == "Bits (preset paper)"
    assert sweep.varied == {"quantize.weight_bits"}
    assert sweep.seeds_of("quantize.weight_bits=4", "loihi/test/v_rand") == [0.881, 0.883, 0.887]
    assert sweep.seeds_of("quantize.weight_bits=4", "gone") == []
    (folder / "runs.parquet").unlink()
    assert FolderRecords(tmp_path, [folder]).sweeps() == []
