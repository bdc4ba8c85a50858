"""Every setting of the pipeline, typed, bounded and explained.

One frozen model per stage, nested in :class:`PipelineConfig`. They make the form on
Prefect's page, the options of the command line and the parameters in MLflow. Presets are instances
of it (:mod:`spikeseg_core.config.presets`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spikeseg_core.config.tolerances import (
    CHALLENGER_BELOW_CHAMPION,
    CHALLENGER_ENERGY,
    CHIP_BELOW_ANN,
)

RENAMED = {
    "train.mixed_tiles": "train.mixup",
    "train.weight_averaging": "train.ema_decay",
    "tune.mixed_tiles": "tune.mixup",
    "tune.weight_averaging": "tune.ema_decay",
    "tune.teacher_share": "tune.distillation_weight",
    "tune.start": "tune.initial_potential",
    "deploy.anytime_steps": "deploy.presentation_steps",
    "benchmark.presentation_steps": "deploy.presentation_steps",
    "benchmark.readout_windows": "deploy.readout_windows",
    "benchmark.tiles_per_axis": "deploy.tiles_per_axis",
    "benchmark.settling": "deploy.early_exit",
    "deploy.settling": "deploy.early_exit",
}
"""Old names of settings, with their section, and the new ones."""

SourceName = Literal["auto", "isbi2012", "folder", "synthetic"]
"""Names of :data:`spikeseg_core.data.sources.SOURCES`."""

MOST_SEED = 2**32 - 1
"""The largest seed that both NumPy and TensorFlow accept."""


def _show_ranges(schema: dict[str, Any]) -> None:
    """Append the range to the description of every number, for forms that do not show it."""
    for setting in schema.get("properties", {}).values():
        low = setting.get("minimum", setting.get("exclusiveMinimum"))
        high = setting.get("maximum", setting.get("exclusiveMaximum"))
        if low is not None and high is not None:
            above = "above " if "exclusiveMinimum" in setting else ""
            below = "below " if "exclusiveMaximum" in setting else ""
            setting["description"] += f" ({above}{low} to {below}{high})"


class StageConfig(BaseModel):
    """Base: frozen, and a misspelt setting is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_show_ranges
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, data: Any) -> Any:
        section = cls.__name__.removesuffix("Config").lower()
        for name in data if isinstance(data, dict) else ():
            old = f"{section}.{name}"
            if old in RENAMED:
                raise ValueError(f"the setting {old} is now called {RENAMED[old]}")
        return data


def _between(default: Any, low: float, high: float, title: str, description: str) -> Any:
    """Declare a number with inclusive bounds."""
    return Field(default, ge=low, le=high, title=title, description=description)


def _above_0(default: Any, high: float, title: str, description: str) -> Any:
    return Field(default, gt=0, le=high, title=title, description=description)


def _seed(description: str, title: str = "Seed") -> Any:
    return _between(0, 0, MOST_SEED, title, description)


class DatasetConfig(StageConfig):
    """Stage 1, dataset preparation."""

    source: SourceName = Field(
        "auto",
        title="Source of the sections",
        description="auto: ISBI 2012 if it is available, otherwise synthetic sections",
    )
    path: str | None = Field(
        None,
        title="Folder, TIFF stack, HDF5 file or zip",
        description="where the source 'folder' reads the sections from",
    )
    polarity: Literal["auto", "membrane_dark", "membrane_bright"] = Field(
        "auto",
        title="Label that marks membrane",
        description="whether label 0 (dark) or the highest label (bright) marks membrane; "
        "auto: the minority class that is darker in the image",
    )
    train_sections: int | None = _between(
        None,
        1,
        10_000,
        "Training sections",
        "number of sections to train on: the first ones; empty: fitted to the stack, 20 of 30",
    )
    validation_sections: int | None = _between(
        None,
        1,
        10_000,
        "Validation sections",
        "number of sections that follow, for validation; empty: fitted to the stack, 4 of 30",
    )
    test_sections: int | None = _between(
        None,
        1,
        10_000,
        "Test sections",
        "number of sections that follow, for testing; empty: fitted to the stack, 6 of 30",
    )
    folds: int = _between(
        1,
        1,
        10_000,
        "Folds",
        "cut all sections of the source into this many contiguous folds, at least 3, instead of "
        "the blocks above: one to test on, the next to validate on, the rest to train on; 1: off. "
        "Synthetic sections are as many as the three numbers above together",
    )
    fold: int = _between(0, 0, 9999, "Fold", "which of the folds to test on, from 0")
    tiles_per_axis: int = _between(
        4, 1, 16, "Tiles along each side", "overlapping tiles along each side of a section"
    )
    synthetic_size: int = _between(
        512, 128, 2048, "Side of a synthetic section, px", "synthetic sections are square"
    )
    synthetic_seed: int = _seed(
        "the same seed gives the same sections", "Seed of the synthetic sections"
    )

    @model_validator(mode="after")
    def _folder_needs_a_path(self) -> DatasetConfig:
        if self.source == "folder" and not self.path:
            raise ValueError("source 'folder' needs path: a folder, TIFF stack, HDF5 file or zip")
        return self

    @model_validator(mode="after")
    def _fold_exists(self) -> DatasetConfig:
        if self.folds == 2:
            raise ValueError(
                "folds: 2 leave no section to train on (one is tested, one validates); "
                "choose 3 or more, or 1 for no folds"
            )
        if self.fold >= self.folds:
            raise ValueError(
                f"fold: there is no fold {self.fold}; {self.folds} folds have the numbers 0 to "
                f"{self.folds - 1}"
                if self.folds > 1
                else f"fold: {self.fold} needs folds to be set, the number of folds, and larger"
            )
        return self


# Settings that training and tuning share, except for their defaults.
StepsPerEpoch = Annotated[
    int, _between(..., 1, 10_000, "Batches per epoch", "optimizer steps that make up an epoch")
]
TilesPerBatch = Annotated[
    int, _between(..., 1, 256, "Tiles per batch", "random tiles in each batch")
]
MembraneWeight = Annotated[
    float,
    _above_0(
        ...,
        100,
        "Weight of membrane pixels",
        "mean weight of membrane pixels in the cross-entropy; interior pixels have 1",
    ),
]
BorderWeight = Annotated[
    float,
    _between(
        ...,
        0,
        100,
        "Extra weight of thin membranes",
        "how much more membrane counts where two cells nearly touch; the rest of the membrane "
        "counts less in return; 0: all membrane counts the same",
    ),
]
Mixup = Annotated[
    float,
    _between(
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
Patience = Annotated[
    int | None,
    _between(
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
        description="quick: small and fast; paper: with the paper's number of neurons",
        json_schema_extra={"enum": ["quick", "paper"]},
    )
    epochs: int = _between(
        30, 1, 2000, "Maximum epochs", "training ends earlier if patience runs out"
    )
    steps_per_epoch: StepsPerEpoch = 40
    batch_size: TilesPerBatch = 8
    learning_rate: float = _above_0(2e-3, 1, "Peak learning rate", "peak of the cosine schedule")
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    mixup: Mixup = 0.0
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
    patience: Patience = None
    seed: int = _seed("seed of weights, tiles and augmentation")


class TuneConfig(StageConfig):
    """Stage 3, fine-tuning with Loihi's rate curve and the percentile rate loss."""

    epochs: int = _between(10, 0, 2000, "Epochs with rates", "epochs of fine-tuning with rates")
    activation: Literal["relu", "loihi"] = Field(
        "loihi",
        title="Neurons in the epochs with rates",
        description="forward pass: rectified linear neurons, or Loihi's rate curve",
    )
    noise_window_steps: int = _between(
        0,
        0,
        2000,
        "Window of the spike-count noise, ms",
        "the epochs with rates see the noise of spikes counted over this many steps; 0 disables it",
    )
    spiking_epochs: int = _between(
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
    synapse_ms: float = _between(
        0.0,
        0,
        100,
        "Synaptic low-pass in tuning, ms",
        "time constant of the synaptic low-pass in the epochs with spikes; the deployed network "
        "uses that of the presentation; 0 disables it",
    )
    distillation_weight: float = _between(
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
    learning_rate: float = _above_0(
        5e-4, 1, "Peak learning rate, rates", "peak of the cosine schedule"
    )
    spiking_learning_rate: float = _above_0(
        3e-4, 1, "Peak learning rate, spikes", "peak of the schedule in the epochs with spikes"
    )
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    mixup: Mixup = 0.0
    ema_decay: EmaDecay = 0.995
    weight_bits: Literal[4, 5, 6, 8] | None = Field(
        8,
        title="Weight bits in tuning",
        description="all epochs see the on-chip weights rounded to this many bits; empty: exact",
    )
    keep_of_8: int = _between(
        8,
        1,
        8,
        "Synapses kept, of 8",
        "each spike reaches this many of every 8 neighbouring channels on the chip, those with the "
        "largest weights; fewer synapses need less energy and memory; 8: all",
    )
    rate_min_hz: float = _between(
        50.0, 0, 1000, "Minimum spike rate, Hz", "lower end of the target range; 0: no minimum"
    )
    rate_max_hz: float = _above_0(
        200.0, 1000, "Maximum spike rate, Hz", "upper end of the target range"
    )
    percentile: float = _above_0(
        99.9, 100, "Percentile of a neuron's rate, %", "percentile that has to be in the range"
    )
    rate_weight: float = _between(
        0.1,
        0,
        1000,
        "Weight of the rate loss, on chip",
        "weight of the rate loss, in (100 Hz)^2 per neuron, for layers on the chip; 0 disables it",
    )
    rate_weight_off_chip: float = _between(
        0.1,
        0,
        1000,
        "Weight of the rate loss, host",
        "weight of the rate loss for layers on the host; 0 disables it",
    )
    synop_weight: float = _between(
        0.0,
        0,
        1000,
        "Weight of synaptic operations",
        "loss per synaptic operation, step and neuron on chip; these take most of the dynamic "
        "energy; 0 disables it",
    )
    initial_rate_hz: float = _above_0(
        150.0,
        1000,
        "Initial rate, Hz",
        "before tuning, each channel is scaled so that this is its rate at the percentile",
    )
    patience: Patience = 20
    seed: int = _seed("seed of tiles and augmentation")

    @model_validator(mode="after")
    def _range_is_a_range(self) -> TuneConfig:
        if self.rate_min_hz >= self.rate_max_hz:
            raise ValueError(
                f"rate_min_hz ({self.rate_min_hz}) must be below rate_max_hz ({self.rate_max_hz})"
            )
        return self


class PresentationConfig(StageConfig):
    """How a tile is shown to the spiking network, in conversion and in deployment alike."""

    steps: int = _between(
        100, 5, 2000, "Time steps per tile, ms", "time steps of 1 ms that each tile is shown for"
    )
    readout_window: float = _above_0(
        0.5, 1, "Read-out window", "final share of the steps that the read-out averages over"
    )
    synapse_ms: float = _between(
        0.0,
        0,
        100,
        "Synaptic low-pass, ms",
        "time constant of the synaptic low-pass; 0 disables it",
    )

    @property
    def readout_start(self) -> int:
        """First step (from 0) that the read-out averages over."""
        return min(self.steps - 1, round(self.steps * (1 - self.readout_window)))


class ConvertConfig(StageConfig):
    """Stage 4, conversion to a spiking network in NengoDL."""

    batch_tiles: int = _between(
        16, 1, 4096, "Tiles per batch", "tiles that are simulated at the same time"
    )


class QuantizeConfig(StageConfig):
    """Stage 5, tiling into core blocks and Loihi's fixed point."""

    weight_bits: Literal[4, 5, 6, 8] = Field(
        8, title="Weight bits", description="bits per weight, sign included"
    )
    mapping: Literal["square", "optimized"] = Field(
        "optimized",
        title="Tiles of a layer",
        description="square: the largest square tile that fits; optimized: tiles chosen "
        "together with chips",
    )
    population_type: Literal[16, 32] = Field(
        16,
        title="Type of population axons",
        description="type of population axons; 16 needs channel depths that are multiples of 4",
    )
    chips: int = _between(2, 1, 768, "Chips", "chips on the board")


class PartitionConfig(StageConfig):
    """Stage 6, blocks to chips."""

    strategy: Literal["greedy", "round_robin", "greedy_interchip", "metis", "optimized"] = Field(
        "optimized", title="Strategy", description="how core blocks are assigned to chips"
    )
    seed: int = _seed("seed of the partitioner")


class DeployConfig(StageConfig):
    """Stage 7, running on Loihi or its emulator."""

    target: Literal["emulator", "loihi"] = Field(
        "emulator", title="Target", description="emulator, or loihi where NxSDK is installed"
    )
    engine: Literal["fast", "nengo-loihi"] = Field(
        "fast",
        title="Emulator",
        description="fast: this project's emulator; nengo-loihi: NengoLoihi's own (slow)",
    )
    presentation_steps: tuple[Annotated[int, Field(ge=5, le=2000)], ...] = Field(
        (20, 30, 35, 40, 45, 50, 60, 70, 80, 100, 150, 200),
        max_length=100,
        title="Presentation times",
        description="time steps to try for the operating point, in addition to those of the "
        "presentation (fast engine); the largest is the start that the others are compared with",
    )
    readout_windows: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.5, 0.6, 0.7),
        max_length=10,
        title="Read-out windows",
        description="read-out windows to try, in addition to that of the presentation",
    )
    tiles_per_axis: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        (3,),
        max_length=4,
        title="Other tile grids",
        description="tiles along each side of a section to try, in addition to the dataset's",
    )
    early_exit: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.04, 0.03, 0.02, 0.015),
        max_length=20,
        title="Early-exit thresholds",
        description="thresholds to try: a tile stops when its membrane probability changes by "
        "less than this between two presentation times; empty: every tile runs equally long",
    )
    sections: int | None = _between(
        None,
        1,
        10_000,
        "Maximum sections",
        "use only the first sections of validation and test (for the slow engine)",
    )


class BenchmarkConfig(StageConfig):
    """Stage 8, energy per section on Loihi, CPU and GPU."""

    batch_size: int = _between(
        16, 1, 256, "Second batch size", "batch size to measure in addition to 1 (online)"
    )
    repeats: int = _between(5, 1, 1000, "Repetitions", "timed repetitions; the median is used")
    cpu_dynamic_watts: float = _above_0(
        10.0, 2000, "Dynamic power of the CPU, W", "dynamic CPU power assumed without a meter"
    )
    cpu_total_watts: float = _above_0(
        28.0, 2000, "Total power of the CPU, W", "total CPU power assumed without a meter"
    )
    busy_above: float = _between(
        0.1,
        0,
        1,
        "Accepted load",
        "share of the CPUs that other work may use during a timing; above it, the timing is busy",
    )


class ToleranceConfig(StageConfig):
    """How far the chip may fall below the ANN on the test split before a run reports it."""

    pixel_accuracy: float = _between(
        CHIP_BELOW_ANN["pixel_accuracy"], 0, 1, "Pixel accuracy", "at the threshold 0.5"
    )
    membrane_iou: float = _between(
        CHIP_BELOW_ANN["membrane_iou"], 0, 1, "Membrane IoU", "at the threshold 0.5"
    )
    v_rand: float = _between(CHIP_BELOW_ANN["v_rand"], 0, 1, "V_Rand", "at the best threshold")
    v_info: float = _between(CHIP_BELOW_ANN["v_info"], 0, 1, "V_Info", "at the best threshold")


class PromotionConfig(StageConfig):
    """When a newly deployed network replaces the champion, by the validation split alone.

    It does if no figure is worse by more than its tolerance and at least one is better by ``gain``
    tolerances. So two networks never keep replacing each other.
    """

    pixel_accuracy: float = _between(
        CHALLENGER_BELOW_CHAMPION["pixel_accuracy"], 0, 1, "Pixel accuracy", "tolerated loss"
    )
    v_rand: float = _between(CHALLENGER_BELOW_CHAMPION["v_rand"], 0, 1, "V_Rand", "tolerated loss")
    v_info: float = _between(CHALLENGER_BELOW_CHAMPION["v_info"], 0, 1, "V_Info", "tolerated loss")
    energy: float = _between(
        CHALLENGER_ENERGY, 0, 1, "Energy", "tolerated increase in total energy on Loihi, as a ratio"
    )
    gain: float = Field(
        2.0, gt=1, le=100, title="Gain", description="one figure must gain this many tolerances"
    )


class PipelineConfig(StageConfig):
    """All eight stages."""

    preset: str = Field(
        "quick",
        title="Preset",
        description="preset that these values started from",
        json_schema_extra={"enum": ["quick", "paper"]},
    )
    dataset: DatasetConfig = DatasetConfig()
    train: TrainConfig = TrainConfig()
    tune: TuneConfig = TuneConfig()
    presentation: PresentationConfig = PresentationConfig()
    convert: ConvertConfig = ConvertConfig()
    quantize: QuantizeConfig = QuantizeConfig()
    partition: PartitionConfig = PartitionConfig()
    deploy: DeployConfig = DeployConfig()
    benchmark: BenchmarkConfig = BenchmarkConfig()
    tolerance: ToleranceConfig = ToleranceConfig()
    promotion: PromotionConfig = PromotionConfig()
