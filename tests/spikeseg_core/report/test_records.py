from pathlib import Path

from spikeseg_core.config.presets import preset
from spikeseg_core.report.folders import FolderRecords
from tests.spikeseg_core.report.recorded import seeded, write_pipeline


def test_a_kind_is_all_but_the_seeds(tmp_path: Path) -> None:
    paper = preset("paper")
    other = paper.model_copy(update={"tune": paper.tune.model_copy(update={"epochs": 1})})
    for started, config in enumerate((paper, seeded(paper, 7), other)):
        write_pipeline(tmp_path, 0.9, config, mapped=False, started=started)
    different, again, first = FolderRecords(tmp_path).pipelines()
    assert first.kind == again.kind != different.kind
    assert again.seeds == first.seeds | {"train": 7, "tune": 7}
    assert first.follows(paper)
    assert again.follows(paper)
    assert not different.follows(paper)
    assert not first.synthetic
