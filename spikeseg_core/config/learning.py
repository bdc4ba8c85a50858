"""Settings of stages 2 and 3: training the ANN, and tuning it for the chip."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikeseg_core.config.stage_config import StageConfig, above_0, between, seed_setting

# Settings that training and tuning share, except for their defaults.
StepsPerEpoch = Annotated[
    int, between(..., 1, 10_000, "Batches per epoch", "optimizer steps that make up an epoch")
]
TilesPerBatch = Annotated[
    int, between(..., 1, 256, "Tiles per batch", "random tiles in each batch")
]
MembraneWeight = Annotated[
    float,
    above_0(
        ...,
        100,
        "Weight of membrane pixels",
        "mean weight of membrane pixels in the cross-entropy; interior pixels have 1",
    ),
]
BorderWeight = Annotated[
    float,
    between(
        ...,
        0,
        100,
        "Extra weight of thin membranes",
        "how much more membrane counts where two cells nearly touch; the rest of the membrane "
        "counts less in return; 0: all membrane counts the same",
    ),
]
TopologyWeight = Annotated[
    float,
    between(
        ...,
        0,
        100,
        "Weight of critical pixels",
        "weight of a loss on the pixels that join two cells or split one, such as the weakest of "
        "the membrane between them; 0 disables it",
    ),
]
Mixup = Annotated[
    float,
    between(
        ...,
        0,
        1,
        "Mixup",
        "share of tiles that another tile is blended into, by up to one half, labels included",
    ),
]
EmaDecay = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        title="Decay of the weight average",
        description="decay of the exponential moving average of the weights, per step",
    ),
]
ElasticPx = Annotated[
    float,
    between(
        ...,
        0,
        20,
        "Smooth deformation, px",
        "standard deviation of a smooth deformation of tiles; 0: tiles are not bent",
    ),
]
Intensity = Annotated[
    float,
    between(
        ...,
        0,
        3,
        "Variation in grey",
        "strength of more variation in grey: blur, gamma, contrast, uneven brightness; 1: strong; "
        "0: only contrast, brightness and noise as usual",
    ),
]
UnlabelledShare = Annotated[
    float,
    between(
        ...,
        0,
        1,
        "Share of tiles without labels",
        "share of tiles from sections without labels, whose target is the trained network's own "
        "output; 0: none",
    ),
]
Patience = Annotated[
    int | None,
    between(
        ...,
        1,
        2000,
        "Patience, epochs",
        "stop after this many epochs without a better validation loss, and keep the best epoch; "
        "empty: run all epochs and keep the last",
    ),
]


class TrainConfig(StageConfig):
    """Stage 2, training the U-Net as an ANN."""

    network: str = Field(
        "quick",
        title="Network",
        description="quick: small and fast; paper: with the paper's number of neurons; lean: the "
        "same on the chips, with less for the host to do; or one of them varied, such as "
        "lean(fine=0.75): a quarter fewer channels in the largest ensembles",
        json_schema_extra={"enum": ["quick", "paper", "lean"]},
    )
    epochs: int = between(
        30, 1, 2000, "Maximum epochs", "training ends earlier if patience runs out"
    )
    steps_per_epoch: StepsPerEpoch = 40
    batch_size: TilesPerBatch = 8
    learning_rate: float = above_0(2e-3, 1, "Peak learning rate", "peak of the cosine schedule")
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    topology_weight: TopologyWeight = 0.0
    mixup: Mixup = 0.0
    elastic_px: ElasticPx = 0.0
    intensity: Intensity = 0.0
    ema_decay: EmaDecay = 0.995
    batch_norm: bool = Field(
        True,
        title="Batch normalization",
        description="train with batch normalization, which is folded into the weights afterwards; "
        "not where training starts from weights",
    )
    initial_weights: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        title="Weights to start from",
        description="sha256 of a trained network's weights; `spikeseg run --from MODEL` sets it; "
        "empty: random weights",
    )
    distillation_epochs: int = between(
        0,
        0,
        2000,
        "Epochs of distillation",
        "epochs that follow, in which the trained network aims at what it sees in turned copies of "
        "whole sections, those without labels too; 0: none",
    )
    distillation_weight: float = between(
        0.5,
        0,
        1,
        "Distillation weight",
        "in these epochs, weight of the teachers' output in the target of labelled sections; the "
        "rest is the labels",
    )
    distillation_learning_rate: float = above_0(
        1e-3, 1, "Peak learning rate, distillation", "peak of the schedule in these epochs"
    )
    teachers: int = between(
        1,
        1,
        16,
        "Teachers",
        "networks of different seeds that teach in these epochs: the trained one, and more that "
        "take as long to train as it did",
    )
    unlabelled_share: UnlabelledShare = 0.5
    patience: Patience = None
    seed: int = seed_setting("seed of weights, tiles and augmentation")


class TuneConfig(StageConfig):
    """Stage 3, fine-tuning with Loihi's rate curve and the percentile rate loss."""

    epochs: int = between(10, 0, 2000, "Epochs with rates", "epochs of fine-tuning with rates")
    activation: Literal["relu", "loihi"] = Field(
        "loihi",
        title="Neurons in the epochs with rates",
        description="forward pass: rectified linear neurons, or Loihi's rate curve",
    )
    noise_window_steps: int = between(
        0,
        0,
        2000,
        "Window of the spike-count noise, ms",
        "the epochs with rates see the noise of spikes counted over this many steps; 0 disables it",
    )
    calibration_tiles: int = between(
        0,
        0,
        1000,
        "Tiles of the calibration",
        "after the epochs with rates, least squares on this many training tiles refit the weights "
        "of layer after layer, so that spikes drive it as in the ANN; 0: no calibration",
    )
    spiking_epochs: int = between(
        3,
        0,
        2000,
        "Epochs with spikes",
        "final epochs, with spikes in the forward pass and rates in the backward pass; "
        "0: tune with rates only",
    )
    spiking_steps: tuple[Annotated[int, Field(ge=10, le=1000)], ...] = Field(
        (100,),
        min_length=1,
        title="Time steps per tile, ms",
        description="time steps per tile in the epochs with spikes, read out over the second "
        "half; several values: read out after each of them",
    )
    continuous: bool = Field(
        False,
        title="Tiles without resets",
        description="in the epochs with spikes, tiles follow each other without a reset, and are "
        "read out late; for `deploy.continuous_steps`",
    )
    synapse_ms: float = between(
        0.0,
        0,
        100,
        "Synaptic low-pass in tuning, ms",
        "time constant of the synaptic low-pass in the epochs with spikes; the deployed network "
        "uses that of the presentation; 0 disables it",
    )
    distillation_weight: float = between(
        1.0,
        0,
        1,
        "Distillation weight",
        "weight of the ANN's output in the target; the rest is the labels. 1: only the ANN; "
        "0: only the labels",
    )
    initial_potential: Literal["rest", "spread"] = Field(
        "spread",
        title="Initial membrane potential",
        description="of every neuron, here and on the chip. rest: zero; spread: evenly between "
        "zero and the threshold, so that spikes start at once",
    )
    steps_per_epoch: StepsPerEpoch = 40
    batch_size: TilesPerBatch = 8
    learning_rate: float = above_0(
        5e-4, 1, "Peak learning rate, rates", "peak of the cosine schedule"
    )
    spiking_learning_rate: float = above_0(
        3e-4, 1, "Peak learning rate, spikes", "peak of the schedule in the epochs with spikes"
    )
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    topology_weight: TopologyWeight = 0.0
    mixup: Mixup = 0.0
    elastic_px: ElasticPx = 0.0
    intensity: Intensity = 0.0
    ema_decay: EmaDecay = 0.995
    weight_bits: Literal[4, 5, 6, 8] | None = Field(
        8,
        title="Weight bits in tuning",
        description="all epochs see the on-chip weights rounded to this many bits; empty: exact",
    )
    keep_of_8: int = between(
        8,
        1,
        8,
        "Synapses kept, of 8",
        "each spike reaches this many of every 8 neighbouring channels on the chip, those with the "
        "largest weights; fewer synapses need less energy and memory; 8: all",
    )
    rate_min_hz: float = between(
        50.0, 0, 1000, "Minimum spike rate, Hz", "lower end of the target range; 0: no minimum"
    )
    rate_max_hz: float = above_0(
        200.0, 1000, "Maximum spike rate, Hz", "upper end of the target range"
    )
    percentile: float = above_0(
        99.9, 100, "Percentile of a neuron's rate, %", "percentile that has to be in the range"
    )
    rate_weight: float = between(
        0.1,
        0,
        1000,
        "Weight of the rate loss, on chip",
        "weight of the rate loss, in (100 Hz)^2 per neuron, for layers on the chip; 0 disables it",
    )
    rate_weight_off_chip: float = between(
        0.1,
        0,
        1000,
        "Weight of the rate loss, host",
        "weight of the rate loss for layers on the host; 0 disables it",
    )
    synop_weight: float = between(
        0.0,
        0,
        1000,
        "Weight of synaptic operations",
        "loss per synaptic operation, step and neuron on chip; these take most of the dynamic "
        "energy; 0 disables it",
    )
    initial_rate_hz: float = above_0(
        150.0,
        1000,
        "Initial rate, Hz",
        "before tuning, each channel is scaled so that this is its rate at the percentile",
    )
    unlabelled_share: UnlabelledShare = 0.0
    patience: Patience = 20
    seed: int = seed_setting("seed of tiles and augmentation")

    @model_validator(mode="after")
    def _settings_agree(self) -> TuneConfig:
        if self.rate_min_hz >= self.rate_max_hz:
            raise ValueError(
                f"rate_min_hz ({self.rate_min_hz}) must be below rate_max_hz ({self.rate_max_hz})"
            )
        if self.continuous and (self.weight_bits is None or self.synapse_ms):
            raise ValueError(
                "continuous needs spikes of the chip's integers; set weight_bits, and synapse_ms "
                "to 0"
            )
        return self
