"""Fine-tuning for the chip (stage 3): Loihi's neuron forward, rates kept in a range.

It starts from the trained network with every channel scaled so that it fires at a useful rate,
which changes nothing for rectified linear neurons and everything for spiking ones. Epochs with
Loihi's rate curve follow, and finally a few with spikes, because those are slow. Between the two
the weights may be refitted to their spikes (:mod:`spikeseg_core.ann.calibration`).

The target is the output of the trained network (``distillation_weight``): conversion should keep
it, while with labels alone a few epochs overfit to the training sections. Distillation is due to
Hinton et al. (2015, arXiv 1503.02531).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.ann.calibration import calibrate
from spikeseg_core.ann.distillation import with_unlabelled
from spikeseg_core.ann.material import Material
from spikeseg_core.ann.training import fit
from spikeseg_core.ann.tuning_losses import TuningLosses
from spikeseg_core.ann.unet import model_from_weights, weights_of
from spikeseg_core.config import TuneConfig
from spikeseg_core.data.augmentation import random_tiles
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.network import IMAGE, RATE_HZ_PER_UNIT, Network, Weights, kernel_key
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import keras, tf
from spikeseg_core.storage import load_arrays, save_arrays

_SCALING_BATCHES, _SCALING_BATCH = 8, 16


def tune(
    network: Network,
    weights: Weights,
    dataset: Dataset,
    config: TuneConfig,
    *,
    folder: Path,
    report: Reporter,
    tiles: Mapping[str, Tile] | None = None,
) -> tuple[Weights, pd.DataFrame]:
    """Fine-tune a trained network to Loihi's neuron and to firing rates in a range.

    With ``config.weight_bits`` every forward pass has the weights as cores of ``tiles`` will hold
    them, and the gradient passes straight through to the weights that are returned: these are the
    exact ones, which rounding turns into what was trained. The epochs with spikes then run the
    integer network itself (:mod:`spikeseg_core.ann.events`).

    Parameters
    ----------
    weights : Weights
        Trained with rectified linear neurons, and scaled (:func:`scaled_for_spikes`). A sparse
        network keeps the largest of them, and learns from the output of all.
    tiles : mapping of str to Tile, optional
        Tile of every on-chip layer; by default those that need the fewest cores. Only their depth
        counts, and only with ``config.weight_bits``.

    Returns
    -------
    Weights
        Of the epoch that ``config.patience`` keeps; of the spiking epochs, if there are any;
        without those calibrated, with ``config.calibration_tiles``.
    pandas.DataFrame
        One row per epoch; for both splits ``rate_loss`` and ``synaptic_ops`` (per step and neuron
        on chip), in addition to those of :func:`~spikeseg_core.ann.training.train`.

    Raises
    ------
    ConfigError
        If the loss is not finite.
    MappingError
        If weights are to be rounded and a layer does not fit a core, or no exponent fits its
        weights and biases.
    """
    losses = TuningLosses(network, weights, config, tiles)
    model = losses.model
    material = with_unlabelled(losses.teacher, dataset, network.tile, config, folder, report=report)
    with_rates = fit(
        model, losses.of_rates, dataset, config, folder=folder, report=report, material=material
    )
    try:
        if config.calibration_tiles:
            _calibrated(losses, material, config, folder, report)
        with_spikes = fit(
            model,
            losses.of_spikes,
            dataset,
            config.model_copy(
                update={
                    "epochs": config.spiking_epochs,
                    "learning_rate": config.spiking_learning_rate,
                    "seed": config.seed + 1,
                }
            ),
            folder=folder,
            report=report,
            name="spikes",
            epochs_before=len(with_rates),
            material=material,
        )
    except tf.errors.OpError as error:
        if losses.chip is not None and losses.chip.problem is not None:
            raise losses.chip.problem from error
        raise
    return weights_of(network, model), pd.concat([with_rates, with_spikes], ignore_index=True)


def _calibrated(
    losses: TuningLosses, material: Material, config: TuneConfig, folder: Path, report: Reporter
) -> None:
    """Refit the model to its spikes, once: a resumed run takes the weights that were kept."""
    file = folder / "checkpoints" / "calibrated.npz"
    if not file.exists():
        rng = np.random.default_rng(config.seed)
        tiles, _ = material.labelled.tiles(
            losses.network.tile, config.calibration_tiles, config, rng
        )
        calibrate(losses, tiles, report)
        weights = losses.model.get_weights()
        save_arrays(file, {str(i): weight for i, weight in enumerate(weights)})
    kept = load_arrays(file)
    losses.model.set_weights([kept[str(i)] for i in range(len(kept))])


def scaled_for_spikes(
    network: Network, weights: Weights, dataset: Dataset, config: TuneConfig
) -> Weights:
    """Scale a trained network so that its channels fire at useful rates; keep the logits."""
    percentiles = channel_percentiles(network, weights, dataset, config)
    return scale_channels(network, weights, percentiles, config.initial_rate_hz)


def channel_percentiles(
    network: Network, weights: Weights, dataset: Dataset, config: TuneConfig
) -> dict[str, np.ndarray]:
    """Percentile of every channel's activation over random training tiles and all positions.

    Returns
    -------
    dict of str to array (channels,)
        By layer, in units of 100 Hz.
    """
    model = model_from_weights(network, weights)
    outputs = keras.Model(
        model.input, {layer.name: model.get_layer(layer.name).output for layer in network.layers}
    )
    rng = np.random.default_rng(config.seed)
    images, labels = dataset.split("train")
    labels = labels[..., np.newaxis]
    # Averaged over batches: the activations of all batches may not fit in memory.
    found: dict[str, list[np.ndarray]] = {layer.name: [] for layer in network.layers}
    for _ in range(_SCALING_BATCHES):
        tiles, _ = random_tiles(images, labels, network.tile, _SCALING_BATCH, rng)
        for name, activations in outputs(tiles).items():
            found[name].append(np.percentile(activations, config.percentile, axis=(0, 1, 2)))
    return {name: np.mean(percentiles, axis=0) for name, percentiles in found.items()}


def scale_channels(
    network: Network, weights: Weights, percentiles: Mapping[str, np.ndarray], rate_hz: float
) -> Weights:
    """Scale every channel so that its percentile fires at ``rate_hz``; exact for ReLU neurons.

    What goes into a channel is multiplied by a positive factor and what leaves it is divided by
    the same, so the logits stay as they were.

    Parameters
    ----------
    percentiles : mapping of str to array (channels,)
        From :func:`channel_percentiles`, in units of 100 Hz. Channels with 0 are not scaled.
    """
    target = rate_hz / RATE_HZ_PER_UNIT
    factors = {
        name: np.where(p > 0, target / np.where(p > 0, p, 1.0), 1.0)
        for name, p in percentiles.items()
    }
    factors[IMAGE] = np.ones(1)
    kernels = {}
    for into, c in network.links():
        kernel = weights.kernel(into, c.source) * (factors[into] if into else 1)
        kernel = kernel / factors[c.source][:, np.newaxis]
        kernels[kernel_key(into, c.source)] = kernel.astype(np.float32)
    biases = {
        layer.name: (weights.biases[layer.name] * factors[layer.name]).astype(np.float32)
        for layer in network.layers
    }
    return replace(weights, kernels=kernels, biases=biases | {"readout": weights.biases["readout"]})
