from collections.abc import Mapping
from typing import Any

import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.report.document import Document
from spikeseg_core.report.folders import FolderRecords
from spikeseg_core.report.records import Measured, RecordedRun
from spikeseg_core.report.render import html, markdown
from spikeseg_core.report.research import build
from spikeseg_core.sweep.definition import Sweep
from tests.spikeseg_core.report.recorded import (
    SWEEPS,
    mapping_result,
    seeded,
    short_summary,
    write_pipeline,
    write_sweep,
)
from tests.spikeseg_core.report.test_folds import with_energies


class WithBench(FolderRecords):
    """Folders, and the result of one ``spikeseg bench``."""

    def measured(self, preset: str) -> Mapping[str, Measured]:
        run = RecordedRun("bench", "bench", {}, 0.0, None, lambda name: None)
        return {"mapping": (run, mapping_result())} if preset == "paper" else {}


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> FolderRecords:
    """Two seeds of paper, one run of quick, sweeps, a cross-validation and a benchmark."""
    home = tmp_path_factory.mktemp("recorded")
    paper = preset("paper")
    write_pipeline(home / "stages", 0.96, seeded(paper, 1), mapped=False, started=1e9)
    write_pipeline(home / "stages", 0.97, seeded(paper, 0), started=1e9 + 100)
    write_pipeline(home / "stages", 0.90, preset("quick"), mapped=False, started=1e9 + 200)
    sweeps = [write_sweep(home / name, *found) for name, found in SWEEPS.items()]
    folds = Sweep(title="Folds", preset="paper", folds=3)
    sweeps.append(write_sweep(home / "folds", folds, {"fold 0": {0: 0.9}}))
    with_energies().save(home / "folds")
    return WithBench(home / "stages", sweeps)


@pytest.fixture(scope="session")
def built(recorded: FolderRecords) -> dict[str, Document]:
    """The report of each preset."""
    return {name: build(recorded, name)[0] for name in ("paper", "quick")}


@pytest.fixture(scope="session")
def pages(built: dict[str, Document]) -> dict[str, tuple[str, str]]:
    """The report of each preset, as HTML and as Markdown."""
    return {name: (html(report), markdown(report)) for name, report in built.items()}


@pytest.fixture
def summary() -> dict[str, Any]:
    return short_summary()
