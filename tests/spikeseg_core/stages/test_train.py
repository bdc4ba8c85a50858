from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.segment import keras_segmenter, segment_sections
from spikeseg_core.network import catalogue, load_network
from spikeseg_core.network.kept import keep
from spikeseg_core.stack import keras
from spikeseg_core.stages import train
from spikeseg_core.storage import CACHE_VARIABLE, load_arrays
from tests.spikeseg_core.listener import Listener
from tests.spikeseg_core.stages.test_contract import CONFIG, TINY, Made


@pytest.mark.parametrize(("stage", "tag"), [("train", "ann"), ("tune", "rate_tuned")])
def test_a_loaded_model_repeats_the_kept_probabilities(made: Made, stage: str, tag: str) -> None:
    folder, _ = made[stage]
    model = keras.models.load_model(folder / "model.keras")
    dataset = load_dataset(made["prepare"][0])
    found = segment_sections(keras_segmenter(model), dataset, "test")
    kept = load_arrays(folder / f"probability_{tag}.npz")["test"]
    np.testing.assert_allclose(found, kept.astype(np.float32), atol=1e-3)


def test_a_start_is_scored_before_the_training(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setitem(catalogue.NETWORKS, "tiny", TINY)
    folder, before = made["train"]
    network, weights = load_network(folder)
    history = pd.DataFrame({"epoch": [1], "train/loss": [1.0]})
    monkeypatch.setattr(train, "train", lambda *_, **__: (weights, history))
    started = CONFIG.train.model_copy(update={"initial_weights": keep(network, weights)})
    config = CONFIG.model_copy(update={"train": started})
    listener = Listener()
    (tmp_path / "train").mkdir()
    result = train.run(config, {"prepare": made["prepare"][0]}, tmp_path / "train", listener)
    assert result.metrics["initial"] == before.metrics["ann"]
    score = before.metrics["ann"]["validation/v_rand"]
    assert f"before training, on validation: V_Rand {score:.3f}" in listener.said[0]
