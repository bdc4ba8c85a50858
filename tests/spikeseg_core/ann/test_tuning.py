from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.ann.tuning import channel_percentiles, scale_channels, scaled_for_spikes, tune
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import TuneConfig
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.reporting import SILENT
from spikeseg_core.stack import keras
from tests.spikeseg_core.ann.networks import TINY, KillAfter, KilledError, tiny_dataset

CONFIG = TuneConfig(
    epochs=3,
    spiking_epochs=0,
    steps_per_epoch=10,
    batch_size=4,
    learning_rate=1e-2,
    distillation_weight=0.0,
)
SPIKES = {"epochs": 0, "spiking_epochs": 3, "spiking_steps": (20,), "spiking_learning_rate": 1e-2}


def test_scaling_channels_changes_rates_and_not_logits() -> None:
    dataset = tiny_dataset()
    weights = weights_of(TINY, build_model(TINY, seed=1))
    percentiles = channel_percentiles(TINY, weights, dataset, CONFIG)
    scaled = scale_channels(TINY, weights, percentiles, rate_hz=150.0)
    tiles = dataset.grid.cut(dataset.split("test")[0])[..., np.newaxis]
    np.testing.assert_allclose(
        model_from_weights(TINY, scaled)(tiles),
        model_from_weights(TINY, weights)(tiles),
        rtol=1e-4,
        atol=1e-5,
    )
    again = channel_percentiles(TINY, scaled, dataset, CONFIG)
    for name, rates in again.items():
        fires = percentiles[name] > 0
        np.testing.assert_allclose(rates[fires], 1.5, rtol=1e-4)
        np.testing.assert_array_equal(rates[~fires], 0)


def test_tuning_brings_rates_into_the_range(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    # Far out of range: tuning starts at 20 Hz where at least 50 are wanted.
    config = CONFIG.model_copy(update={"initial_rate_hz": 20.0, "rate_weight": 10.0})
    trained = weights_of(TINY, build_model(TINY, seed=1))
    weights = scaled_for_spikes(TINY, trained, dataset, config)
    _, history = tune(TINY, weights, dataset, config, folder=tmp_path, report=SILENT)
    assert history["train/rate_loss"].iloc[-1] < 0.5 * history["train/rate_loss"].iloc[0]


@pytest.mark.parametrize("epochs", [{}, SPIKES], ids=["rates", "spikes"])
def test_synaptic_operations_that_cost_become_fewer(
    tmp_path: Path, epochs: dict[str, object]
) -> None:
    trained = weights_of(TINY, build_model(TINY, seed=1))
    after = []
    for weight in (0.0, 1.0):
        config = CONFIG.model_copy(update={"synop_weight": weight, **epochs})
        _, history = tune(
            TINY, trained, tiny_dataset(), config, folder=tmp_path / str(weight), report=SILENT
        )
        after.append(history["validation/synaptic_ops"].iloc[-1])
    assert after[1] < 0.8 * after[0]


def test_tuned_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    weights = weights_of(TINY, build_model(TINY, seed=1))
    first, history = tune(TINY, weights, dataset, CONFIG, folder=tmp_path, report=SILENT)
    again, _ = tune(TINY, weights, dataset, CONFIG, folder=tmp_path, report=SILENT)
    assert first.sha256 == again.sha256
    model = model_from_weights(TINY, first, "loihi")
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    images, labels = dataset.split("validation")
    grid = TileGrid(dataset.section_shape, TINY.tile, 1)
    tiles, truth = grid.cut(images)[..., np.newaxis], grid.cut(labels)[..., np.newaxis]
    best = history.loc[history["validation/loss"].idxmin()]
    assert float(entropy(truth.astype(np.float32), model(tiles))) == pytest.approx(
        best["validation/cross_entropy"], rel=1e-4
    )


def test_no_epochs_change_nothing(tmp_path: Path) -> None:
    weights = weights_of(TINY, build_model(TINY, seed=1))
    config = CONFIG.model_copy(update={"epochs": 0})
    tuned, history = tune(TINY, weights, tiny_dataset(), config, folder=tmp_path, report=SILENT)
    assert len(history) == 0
    assert tuned.sha256 == weights.sha256


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0, "spiking_epochs": 2, "spiking_steps": (20,)},
        {"epochs": 2, "noise_window_steps": 50},
    ],
    ids=["spikes", "noise"],
)
def test_a_killed_run_goes_on(tmp_path: Path, settings: dict[str, int]) -> None:
    weights = weights_of(TINY, build_model(TINY, seed=1))
    config = CONFIG.model_copy(update=settings)
    whole, history = tune(
        TINY, weights, tiny_dataset(), config, folder=tmp_path / "whole", report=SILENT
    )
    assert list(history["epoch"]) == [1, 2]
    with pytest.raises(KilledError):
        tune(TINY, weights, tiny_dataset(), config, folder=tmp_path / "cut", report=KillAfter(1))
    resumed, again = tune(
        TINY, weights, tiny_dataset(), config, folder=tmp_path / "cut", report=SILENT
    )
    assert resumed.sha256 == whole.sha256
    assert again.equals(history)


@pytest.fixture(scope="module")
def plainly_tuned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the network that the settings as they are make."""
    weights = weights_of(TINY, build_model(TINY, seed=1))
    config = CONFIG.model_copy(update={"epochs": 2})
    folder = tmp_path_factory.mktemp("plain")
    return tune(TINY, weights, tiny_dataset(), config, folder=folder, report=SILENT)[0].sha256


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "relu"},
        {"noise_window_steps": 20},
        {"weight_bits": None},
        {"weight_bits": 4},
        {"rate_weight": 0.0, "rate_weight_off_chip": 0.0},
        {"rate_min_hz": 0.0},
        {"distillation_weight": 0.5},
        {"synop_weight": 0.01},
    ],
    ids=lambda settings: ", ".join(f"{k}={v}" for k, v in settings.items()),
)
def test_every_switch_tunes_another_network_that_learns(
    tmp_path: Path, settings: dict[str, object], plainly_tuned: str
) -> None:
    weights = weights_of(TINY, build_model(TINY, seed=1))
    config = CONFIG.model_copy(update={"epochs": 2, **settings})
    switched, history = tune(TINY, weights, tiny_dataset(), config, folder=tmp_path, report=SILENT)
    assert switched.sha256 != plainly_tuned
    entropy = history["train/cross_entropy"]
    assert entropy.iloc[-1] < entropy.iloc[0]


@pytest.mark.parametrize("spiking_epochs", [0, 1])
def test_who_learns_from_the_network_alone_needs_no_labels(
    tmp_path: Path, spiking_epochs: int
) -> None:
    weights = weights_of(TINY, build_model(TINY, seed=1))
    settings = {"epochs": 1, "spiking_epochs": spiking_epochs, "border_weight": 0.0}

    def tuned(share: float, wrong: bool) -> str:
        dataset = tiny_dataset()
        dataset.labels[:] ^= wrong
        config = CONFIG.model_copy(update=settings | {"distillation_weight": share})
        folder = tmp_path / f"{share} {wrong}"
        return tune(TINY, weights, dataset, config, folder=folder, report=SILENT)[0].sha256

    assert tuned(1.0, wrong=False) == tuned(1.0, wrong=True)
    assert tuned(0.5, wrong=False) != tuned(0.5, wrong=True)


def test_without_a_weight_the_rate_loss_counts_for_nothing(tmp_path: Path) -> None:
    config = CONFIG.model_copy(
        update={"epochs": 1, "rate_weight": 0.0, "rate_weight_off_chip": 0.0}
    )
    weights = weights_of(TINY, build_model(TINY, seed=1))
    _, history = tune(TINY, weights, tiny_dataset(), config, folder=tmp_path, report=SILENT)
    assert not history["train/rate_loss"].any()
    assert history["train/loss"].equals(history["train/cross_entropy"])


def test_rounded_weights_are_those_of_the_tiles_it_is_told(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, "weight_bits": 4})
    weights = weights_of(TINY, build_model(TINY, seed=1))
    digests = {
        tune(
            TINY,
            weights,
            tiny_dataset(),
            config,
            folder=tmp_path / str(depth),
            report=SILENT,
            tiles={"down": (4, 4, depth), "up": (8, 8, 4)},
        )[0].sha256
        for depth in (4, 8)
    }
    assert len(digests) == 2
