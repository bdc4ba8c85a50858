from __future__ import annotations

from spikeseg_core.data import dataset, unlabelled
from spikeseg_core.stages import artifacts
from spikeseg_core.stages.artifacts import ARTIFACTS, NOT_CONTENT, read_by
from spikeseg_core.stages.table import STAGES


def test_every_file_has_one_writer_and_readers_after_it() -> None:
    order = list(STAGES)
    assert len({(artifact.writer, artifact.name) for artifact in ARTIFACTS}) == len(ARTIFACTS)
    for artifact in ARTIFACTS:
        assert all(
            order.index(reader) > order.index(artifact.writer) for reader in artifact.readers
        )


def test_stages_follow_those_whose_files_they_read() -> None:
    for name, stage in STAGES.items():
        assert {artifact.writer for artifact in read_by(name)} == set(stage.upstream)


def test_what_no_stage_reads_is_not_content() -> None:
    assert {artifacts.HISTORY, artifacts.STRATEGIES, "dataset.json"} <= NOT_CONTENT
    assert not {"sections.npz", "weights.npz", artifacts.PLACEMENT, artifacts.RATES} & NOT_CONTENT


def test_the_names_of_a_dataset_are_its_own() -> None:
    for name in ("SECTIONS_FILE", "MANIFEST_FILE", "FACTS_FILE"):
        assert getattr(artifacts, name) == getattr(dataset, name)
    assert artifacts.UNLABELLED_FILE == unlabelled.UNLABELLED_FILE
