import numpy as np
import pytest

from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.segment import keras_segmenter, segment_sections
from spikeseg_core.stack import keras
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.stages.test_contract import Made


@pytest.mark.parametrize(("stage", "tag"), [("train", "ann"), ("tune", "rate_tuned")])
def test_a_loaded_model_repeats_the_kept_probabilities(made: Made, stage: str, tag: str) -> None:
    folder, _ = made[stage]
    model = keras.models.load_model(folder / "model.keras")
    dataset = load_dataset(made["prepare"][0])
    found = segment_sections(keras_segmenter(model), dataset, "test")
    kept = load_arrays(folder / f"probability_{tag}.npz")["test"]
    np.testing.assert_allclose(found, kept.astype(np.float32), atol=1e-3)
