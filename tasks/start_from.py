"""Fine-tuning: a training that starts from a network that is already trained."""

from __future__ import annotations

from collections.abc import Collection

from spikeseg_core.config import PipelineConfig
from spikeseg_core.network import catalogue, load_network
from spikeseg_core.network.kept import keep, refuse_other
from tasks.lookup import stage_behind
from tasks.mlflow.registered import run_of_model

LEARNING_RATE = 5e-4
"""Peak; a quarter of that from random weights, which would undo what was learnt."""
SHARE_OF_EPOCHS = 1 / 3


def starting_from(
    model: str, config: PipelineConfig, given: Collection[str] = ()
) -> PipelineConfig:
    """Return the settings of a training that starts from a model's ANN.

    Fewer epochs at a lower learning rate, except for settings in ``given`` (dotted names), which
    the user chose.

    Parameters
    ----------
    model : str
        As for :func:`tasks.mlflow.registered.run_of_model`.

    Raises
    ------
    ConfigError
        If there is no such model, or its network is another one than the one to train.
    """
    network, weights = load_network(stage_behind(run_of_model(model), "train").folder)
    refuse_other(network, catalogue.network(config.train.network))
    values = {
        "initial_weights": keep(network, weights),
        "learning_rate": LEARNING_RATE,
        "epochs": max(1, round(config.train.epochs * SHARE_OF_EPOCHS)),
    }
    chosen = {name: value for name, value in values.items() if f"train.{name}" not in given}
    return config.model_copy(update={"train": config.train.model_copy(update=chosen)})
