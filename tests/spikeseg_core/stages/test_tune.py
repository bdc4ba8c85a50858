import pandas as pd

from tests.spikeseg_core.stages.conftest import Made


def test_history_has_the_curves(trained_stages: Made) -> None:
    history = pd.read_parquet(trained_stages["tune"][0] / "history.parquet")
    assert list(history["epoch"]) == [1, 2]
    assert {"train/loss", "validation/loss", "validation/rate_loss"} <= set(history)
