"""Stage 2: train the U-Net as an ANN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.ann.training import train
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.evaluation.segment import keras_segmenter, segment_and_score
from spikeseg_core.network import Network, catalogue
from spikeseg_core.network.kept import kept
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.files import save_section_scores, save_segmentation, save_trained


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Train the configured network on the prepared dataset.

    Raises
    ------
    ConfigError
        If the network is unknown, the loss is not finite, or the weights to start from are missing
        or another network's.
    """
    dataset = load_dataset(inputs["prepare"], unlabelled=True)
    network = catalogue.network(config.train.network)
    metrics = {}
    if config.train.initial_weights is not None:
        metrics["initial"] = _score_start(network, config.train.initial_weights, dataset, report)
    weights, history = train(network, dataset, config.train, folder, report)
    model = model_from_weights(network, weights)
    curves = save_trained(folder, network, weights, model, history)
    found = segment_and_score(keras_segmenter(model), dataset)
    save_segmentation(folder, "ann", found)
    save_section_scores(folder, {"ann": found.sections})
    return StageResult(
        metrics=metrics | {"ann": found.metrics},
        tables=(curves,),
        facts={
            "network": network.to_json(),
            "neurons_on_chip": network.neurons_on_chip,
            "neurons_off_chip": network.neurons_off_chip,
            "parameters": network.parameters,
            "multiply_adds": network.multiply_adds,
            "epochs": len(history),
        },
    )


def _score_start(
    network: Network, initial: str, dataset: Dataset, report: Reporter
) -> Mapping[str, float]:
    """Score the weights that training starts from, and say how good they are already."""
    model = model_from_weights(network, kept(initial, network))
    found = segment_and_score(keras_segmenter(model), dataset).metrics
    report.say(
        f"before training, on validation: V_Rand {found['validation/v_rand']:.3f}, "
        f"pixel accuracy {found['validation/pixel_accuracy']:.3f}"
    )
    return found
