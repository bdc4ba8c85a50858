from pathlib import Path

import pandas as pd
import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.report.evidence import gather, median_table
from spikeseg_core.report.folders import FolderRecords
from tests.spikeseg_core.report.recorded import write_pipeline


def test_of_each_kind_and_seed_the_newest_counts_and_kinds_are_not_mixed(tmp_path: Path) -> None:
    paper = preset("paper")
    low = paper.model_copy(update={"tune": paper.tune.model_copy(update={"rate_max_hz": 150.0})})
    keys = []
    for level, config, synthetic in (
        (0.90, paper, False),
        (0.96, paper, False),
        (0.95, low, False),
        (0.99, paper, True),
    ):
        folders = write_pipeline(
            tmp_path, level, config, synthetic=synthetic, mapped=False, started=1e9 + len(keys)
        )
        keys.append(folders[-1].name.removeprefix("benchmark-"))
    _, mine, other, made_up = keys
    known = FolderRecords(tmp_path)
    ids = {run.run.id[:16]: run.run.id for run in known.pipelines()}
    evidence = gather(known, "paper")
    assert [run.run.id for run in evidence.runs] == [ids[mine]]
    assert [run.run.id for run in evidence.others] == [ids[other]]
    alone = gather(known, "paper", [ids[made_up]])
    assert [run.run.id for run in alone.runs] == [ids[made_up]]
    assert alone.others == []
    with pytest.raises(ConfigError, match="differ in more than their seeds"):
        gather(known, "paper", [ids[mine], ids[other]])
    with pytest.raises(ConfigError, match=r"no finished pipeline.*0123"):
        gather(known, "paper", ["0123"])
    with pytest.raises(ConfigError, match="spikeseg run --preset quick"):
        gather(known, "quick")


def test_sweeps_go_to_the_questions_they_bear_on(recorded: FolderRecords) -> None:
    evidence = gather(recorded, "paper")
    titles = [
        [s.definition["title"] for s in evidence.sweeps_over(p)] for p in ("quantize.", "tune.")
    ]
    assert titles == [["Bits"], ["Rates"]]
    assert evidence.sweeps_over("partition.") == []


def test_a_change_is_the_median_of_each_seeds_own(recorded: FolderRecords) -> None:
    evidence = gather(recorded, "paper")
    change = evidence.change("ann", "loihi", "test/v_rand")
    assert change is not None
    assert change.markdown() == "-0.003 [-0.003, -0.003] (measured)"
    assert evidence.change("ann", "nothing", "test/v_rand") is None


def test_tables_of_seeds_become_their_median_in_order() -> None:
    tables = [pd.DataFrame({"steps": [9, 3], "x": [value, 2 * value]}) for value in (1.0, 5.0, 2.0)]
    found = median_table(tables, "steps")
    assert found["steps"].tolist() == [9, 3]
    assert found["x"].tolist() == [2.0, 4.0]
