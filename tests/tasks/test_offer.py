from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config import DatasetConfig, PipelineConfig
from spikeseg_core.config.overrides import configured
from spikeseg_core.data.dataset import load_dataset, prepare_dataset
from spikeseg_core.inference.segmenter import Segmenter
from tasks import offer
from tasks.mlflow.champion import CHAMPION
from tasks.mlflow.store import store
from tasks.references import StageRef

SMALL = DatasetConfig(
    source="synthetic", train_sections=1, validation_sections=1, test_sections=1, synthetic_size=128
)


def own(path: Path) -> PipelineConfig:
    """Settings of a training on one's own sections."""
    path.mkdir(exist_ok=True)
    return configured("quick", str(path))


def stage_in(folder: Path, stage: str) -> StageRef:
    return StageRef(
        stage=stage, key=f"{stage}1", uri=folder.as_uri(), sha256="", mlflow_run_id="r", inputs={}
    )


@pytest.fixture
def sections(tmp_path: Path) -> StageRef:
    (tmp_path / "prepare").mkdir()
    prepare_dataset(SMALL, 64, tmp_path / "prepare")
    return stage_in(tmp_path / "prepare", "prepare")


@pytest.fixture
def champion(
    home: Path, sections: StageRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registered network that knows the labels by heart; another is only a challenger."""
    client = store().client
    for name, alias in (("good", CHAMPION), ("new", "challenger")):
        client.create_registered_model(name)
        version = client.create_model_version(name, (tmp_path / "model").as_uri())
        client.set_registered_model_alias(name, alias, version.version)
    membrane = load_dataset(sections.folder).labels == 1

    def by_heart(tiles: np.ndarray) -> np.ndarray:
        grid = load_dataset(sections.folder).grid
        return np.where(grid.cut(membrane[1:2].astype(np.float32)) > 0.5, 4.0, -4.0)

    trained = stage_in(tmp_path / "train", "train")
    networks = {("good@champion", "ann"): ("ann", trained)}
    monkeypatch.setattr(offer, "network_of", lambda model, engine: networks[model, engine])
    monkeypatch.setattr(offer, "load", lambda kind, ref: Segmenter(64, 4, by_heart))


Told = Callable[[], list[str]]


@pytest.fixture
def told(sections: StageRef, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Told:
    """What a run on one's own sections says of registered networks."""

    def run() -> list[str]:
        with caplog.at_level(logging.INFO):
            offer.offer_registered(own(tmp_path / "mine"), sections)
        return [r.getMessage() for r in caplog.records if r.levelno >= logging.INFO]

    return run


@pytest.mark.usefixtures("champion")
class TestOffer:
    def test_a_good_champion_is_named_with_both_commands(self, told: Told, tmp_path: Path) -> None:
        (line,) = told()
        assert "good@champion has a V_Rand of 0.9" in line or "V_Rand of 1.000" in line
        assert f"`spikeseg evaluate good@champion {tmp_path / 'mine'}`" in line
        assert f"`spikeseg run --from good@champion --dataset {tmp_path / 'mine'}`" in line

    def test_a_poor_one_is_not(self, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
        blind = Segmenter(64, 4, np.zeros_like)
        monkeypatch.setattr(offer, "load", lambda kind, ref: blind)
        assert not told()

    def test_one_of_the_same_sections_is_not(
        self, told: Told, sections: StageRef, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        same = {"pixels_sha256": load_dataset(sections.folder).pixels_sha256}
        monkeypatch.setattr(offer, "dataset_facts", lambda inputs: same)
        assert not told()

    def test_a_damaged_one_does_not_stop_the_run(
        self, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(offer, "load", lambda kind, ref: 1 / 0)
        assert not told()

    def test_isbi_synthetic_and_fine_tuning_are_left_alone(
        self, sections: StageRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(offer, "_champions", lambda: pytest.fail("asked for champions"))
        offer.offer_registered(configured("quick", "synthetic"), sections)
        fine = own(tmp_path / "mine")
        train = fine.train.model_copy(update={"initial_weights": "ab" * 32})
        offer.offer_registered(fine.model_copy(update={"train": train}), sections)
