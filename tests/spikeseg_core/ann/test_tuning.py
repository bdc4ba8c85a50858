from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.ann import tuning
from spikeseg_core.ann.tuning import channel_percentiles, scale_channels, scaled_for_spikes, tune
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import TuneConfig
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.errors import MappingError
from spikeseg_core.network import Weights
from spikeseg_core.network.sparsity import masks, sparse
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import keras
from tests.spikeseg_core.ann.networks import (
    TINY,
    KillAfter,
    KillAfterAll,
    KilledError,
    tiny_dataset,
    uncompiled,
)

# With nine tiles to validate on, batches of three are all of one shape.
CONFIG = TuneConfig(
    epochs=3,
    spiking_epochs=0,
    steps_per_epoch=10,
    batch_size=3,
    learning_rate=1e-2,
    distillation_weight=0.0,
    weight_bits=None,
)
SPIKES: dict[str, Any] = {
    "epochs": 0,
    "spiking_epochs": 3,
    "spiking_steps": (10,),
    "spiking_learning_rate": 1e-2,
}


@cache
def trained() -> Weights:
    return weights_of(TINY, build_model(TINY, seed=1))


def tuned(
    folder: Path,
    *,
    dataset: Any = None,
    report: Reporter = SILENT,
    tiles: Any = None,
    **settings: Any,
) -> tuple[Weights, pd.DataFrame]:
    """Tune; uncompiled where that is quicker, for few steps and for those with spikes."""
    config = CONFIG.model_copy(update=settings)
    data = dataset or tiny_dataset()
    quicker = config.spiking_epochs or config.steps_per_epoch <= 2
    with uncompiled() if quicker else nullcontext():
        return tune(TINY, trained(), data, config, folder=folder, report=report, tiles=tiles)


def test_scaling_channels_changes_rates_and_not_logits() -> None:
    dataset = tiny_dataset()
    percentiles = channel_percentiles(TINY, trained(), dataset, CONFIG)
    scaled = scale_channels(TINY, trained(), percentiles, rate_hz=150.0)
    tiles = dataset.grid.cut(dataset.split("test")[0])[..., np.newaxis]
    found, expected = (model_from_weights(TINY, w)(tiles) for w in (scaled, trained()))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for name, rates in channel_percentiles(TINY, scaled, dataset, CONFIG).items():
        fires = percentiles[name] > 0
        np.testing.assert_allclose(rates[fires], 1.5, rtol=1e-4)
        np.testing.assert_array_equal(rates[~fires], 0)


def test_tuning_brings_rates_into_the_range(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    # Far out of range: tuning starts at 20 Hz, and the minimum is 50 Hz.
    config = CONFIG.model_copy(update={"initial_rate_hz": 20.0, "rate_weight": 10.0})
    weights = scaled_for_spikes(TINY, trained(), dataset, config)
    _, history = tune(TINY, weights, dataset, config, folder=tmp_path, report=SILENT)
    assert history["train/rate_loss"].iloc[-1] < 0.5 * history["train/rate_loss"].iloc[0]


@pytest.mark.parametrize("epochs", [{}, SPIKES], ids=["rates", "spikes"])
def test_synaptic_operations_that_cost_become_fewer(
    tmp_path: Path, epochs: dict[str, object]
) -> None:
    after = []
    for weight in (0.0, 1.0):
        _, history = tuned(tmp_path / str(weight), synop_weight=weight, **epochs)
        after.append(history["validation/synaptic_ops"].iloc[-1])
    assert after[1] < 0.8 * after[0]


def test_tuned_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    first, history = tuned(tmp_path, dataset=dataset)
    model = model_from_weights(TINY, first, "loihi")
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    images, labels = dataset.split("validation")
    grid = TileGrid(dataset.section_shape, TINY.tile, 1)
    tiles, truth = grid.cut(images)[..., np.newaxis], grid.cut(labels)[..., np.newaxis]
    best = history.loc[history["validation/loss"].idxmin()]
    assert float(entropy(truth.astype(np.float32), model(tiles))) == pytest.approx(
        best["validation/cross_entropy"], rel=1e-4
    )


def test_a_sparse_network_keeps_its_largest_weights_and_learns_in_those(tmp_path: Path) -> None:
    network = sparse(TINY, 3)
    config = CONFIG.model_copy(update=SPIKES | {"epochs": 1, "spiking_epochs": 1, "weight_bits": 8})
    with uncompiled():
        weights, _ = tune(
            network, trained(), tiny_dataset(), config, folder=tmp_path, report=SILENT, tiles=None
        )
    before = masks(network, trained())
    assert {layer.split("/")[0] for layer in before} == {"down", "up"}
    for key, mask in before.items():
        np.testing.assert_array_equal(weights.kernels[key] != 0, mask)
        assert (weights.kernels[key] != trained().kernels[key])[mask].mean() > 0.5


@pytest.mark.parametrize(("epochs", "bits"), [(0, None), (1, 8)], ids=["float spikes", "events"])
def test_compiled_it_learns_the_same(tmp_path: Path, epochs: int, bits: int | None) -> None:
    settings = SPIKES | {"epochs": epochs, "spiking_epochs": 1, "weight_bits": bits}
    settings |= {"steps_per_epoch": 2}
    config = CONFIG.model_copy(update=settings)
    _, compiled = tune(
        TINY, trained(), tiny_dataset(), config, folder=tmp_path / "a", report=SILENT
    )
    _, plainly = tuned(tmp_path / "b", **settings)
    pd.testing.assert_frame_equal(compiled, plainly, rtol=1e-3)


def test_no_epochs_change_nothing(tmp_path: Path) -> None:
    weights, history = tuned(tmp_path, epochs=0)
    assert len(history) == 0
    assert weights.sha256 == trained().sha256


@pytest.mark.parametrize(
    "settings",
    [
        SPIKES | {"spiking_epochs": 2, "weight_bits": 8},
        SPIKES | {"spiking_epochs": 2},
        {"epochs": 2, "noise_window_steps": 50},
        SPIKES | {"epochs": 1, "spiking_epochs": 1, "weight_bits": 8, "unlabelled_share": 0.3},
        SPIKES | {"spiking_epochs": 2, "weight_bits": 8, "topology_weight": 1.0},
    ],
    ids=["events", "float spikes", "noise", "without labels", "critical pixels"],
)
def test_a_killed_run_is_resumed(tmp_path: Path, settings: dict[str, Any]) -> None:
    settings = {**settings, "steps_per_epoch": 2}
    dataset = tiny_dataset(unlabelled=2)
    whole, history = tuned(tmp_path / "whole", dataset=dataset, **settings)
    assert list(history["epoch"]) == [1, 2]
    with pytest.raises(KilledError):
        tuned(tmp_path / "cut", dataset=dataset, report=KillAfter(1), **settings)
    resumed, again = tuned(tmp_path / "cut", dataset=dataset, **settings)
    assert resumed.sha256 == whole.sha256
    assert again.equals(history)


def test_without_tiles_nothing_is_calibrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SPIKES | {"epochs": 1, "spiking_epochs": 1, "steps_per_epoch": 1}
    as_by_default, _ = tuned(tmp_path / "default", **settings)
    monkeypatch.setattr(tuning, "calibrate", None)
    off, _ = tuned(tmp_path / "off", calibration_tiles=0, **settings)
    assert off.sha256 == as_by_default.sha256


@pytest.mark.parametrize("killed_after", [1, 2, 5], ids=["rates", "calibrating", "spikes"])
def test_a_killed_run_is_calibrated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """One epoch with rates, three layers, two epochs with spikes."""
    settings = SPIKES | {"epochs": 1, "spiking_epochs": 2, "steps_per_epoch": 1, "weight_bits": 8}
    settings |= {"calibration_tiles": 4}
    whole, history = tuned(tmp_path / "whole", **settings)
    with pytest.raises(KilledError):
        tuned(tmp_path / "cut", report=KillAfterAll(killed_after), **settings)
    if killed_after == 5:
        monkeypatch.setattr(tuning, "calibrate", None)
    resumed, again = tuned(tmp_path / "cut", **settings)
    assert resumed.sha256 == whole.sha256
    assert again.equals(history)


@pytest.fixture(scope="module")
def plainly_tuned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the network tuned with the default switches."""
    return tuned(tmp_path_factory.mktemp("plain"), epochs=2)[0].sha256


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "relu"},
        {"noise_window_steps": 20},
        {"weight_bits": 8},
        {"weight_bits": 4},
        {"rate_min_hz": 0.0},
        {"distillation_weight": 0.5},
        {"synop_weight": 0.01},
        {"topology_weight": 1.0},
        {"elastic_px": 2.0, "intensity": 0.5},
        {"calibration_tiles": 2, "spiking_steps": (10,)},
    ],
    ids=lambda settings: ", ".join(f"{k}={v}" for k, v in settings.items()),
)
def test_every_switch_tunes_another_network_that_learns(
    tmp_path: Path, settings: dict[str, object], plainly_tuned: str
) -> None:
    switched, history = tuned(tmp_path, epochs=2, **settings)
    assert switched.sha256 != plainly_tuned
    entropy = history["train/cross_entropy"]
    assert entropy.iloc[-1] < entropy.iloc[0]


@pytest.mark.parametrize("epochs", [{"epochs": 1}, SPIKES | {"spiking_epochs": 1}])
def test_full_distillation_needs_no_labels(tmp_path: Path, epochs: dict[str, Any]) -> None:
    settings = epochs | {"steps_per_epoch": 2, "border_weight": 0.0}

    def digest(weight: float, wrong: bool) -> str:
        dataset = tiny_dataset()
        dataset.labels[:] ^= wrong
        folder = tmp_path / f"{weight} {wrong}"
        return tuned(folder, dataset=dataset, distillation_weight=weight, **settings)[0].sha256

    assert digest(1.0, wrong=False) == digest(1.0, wrong=True)
    assert digest(0.5, wrong=False) != digest(0.5, wrong=True)


@pytest.mark.parametrize("epochs", [{"epochs": 1}, SPIKES | {"spiking_epochs": 1}])
def test_sections_without_labels_aim_at_the_anns_output(
    tmp_path: Path, epochs: dict[str, Any]
) -> None:
    """With tiles of those alone, labels count for nothing, whatever their weight in the target."""
    settings = epochs | {"steps_per_epoch": 2, "distillation_weight": 0.5}

    def digest(share: float, wrong: bool) -> str:
        dataset = tiny_dataset(unlabelled=2)
        dataset.labels[:] ^= wrong
        folder = tmp_path / f"{share} {wrong}"
        return tuned(folder, dataset=dataset, unlabelled_share=share, **settings)[0].sha256

    assert digest(1.0, wrong=False) == digest(1.0, wrong=True)
    assert len({digest(0.5, wrong=False), digest(0.5, wrong=True), digest(0.0, wrong=False)}) == 3
    none = tuned(tmp_path / "none", unlabelled_share=0.5, **settings)[0].sha256
    assert none == tuned(tmp_path / "without", **settings)[0].sha256


def test_without_a_weight_the_rate_loss_counts_for_nothing(
    tmp_path: Path, plainly_tuned: str
) -> None:
    switched, history = tuned(tmp_path, epochs=2, rate_weight=0.0, rate_weight_off_chip=0.0)
    assert switched.sha256 != plainly_tuned
    assert not history["train/rate_loss"].any()
    assert history["train/loss"].equals(history["train/cross_entropy"])


def test_a_network_that_leaves_loihis_integers_stops_with_the_reason(tmp_path: Path) -> None:
    kernels = {k: v * 1e-6 if k.startswith("up/") else v for k, v in trained().kernels.items()}
    tiny = replace(trained(), kernels=kernels)
    config = CONFIG.model_copy(update=SPIKES | {"weight_bits": 8})
    with pytest.raises(MappingError, match=r"layer 'up'.*spiking_learning_rate"):
        tune(TINY, tiny, tiny_dataset(), config, folder=tmp_path, report=SILENT)


def test_weights_are_rounded_as_the_given_tiles_need(tmp_path: Path) -> None:
    digests = set()
    for depth in (4, 8):
        tiles = {"down": (4, 4, depth), "up": (8, 8, 4)}
        how = {"epochs": 1, "steps_per_epoch": 1, "weight_bits": 4}
        weights, _ = tuned(tmp_path / str(depth), tiles=tiles, **how)
        digests.add(weights.sha256)
    assert len(digests) == 2
