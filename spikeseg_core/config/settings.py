"""Every setting of the pipeline, typed, bounded and explained.

One frozen model per stage, nested in :class:`PipelineConfig`. It is the parameter form in
Prefect's page, the options of the command line and what MLflow logs. Presets are instances of it
(:mod:`spikeseg_core.config.presets`).
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
"""Old names of settings, with their section, and what they are called now."""

SourceName = Literal["auto", "isbi2012", "folder", "synthetic"]
"""Names of :data:`spikeseg_core.data.sources.SOURCES`."""

MOST_SEED = 2**32 - 1
"""What numpy and TensorFlow both take."""


def _say_ranges(schema: dict[str, Any]) -> None:
    """Add the range to the description of every number, for forms that do not show it."""
    for setting in schema.get("properties", {}).values():
        low = setting.get("minimum", setting.get("exclusiveMinimum"))
        high = setting.get("maximum", setting.get("exclusiveMaximum"))
        if low is not None and high is not None:
            above = "above " if "exclusiveMinimum" in setting else ""
            below = "below " if "exclusiveMaximum" in setting else ""
            setting["description"] += f" ({above}{low} to {below}{high})"


class StageConfig(BaseModel):
    """Base: frozen, and a misspelt setting is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_say_ranges)

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, data: Any) -> Any:
        section = cls.__name__.removesuffix("Config").lower()
        for name in data if isinstance(data, dict) else ():
            old = f"{section}.{name}"
            if old in RENAMED:
                raise ValueError(f"the setting {old} is now called {RENAMED[old]}")
        return data


class DatasetConfig(StageConfig):
    """Stage 1, dataset preparation."""

    source: SourceName = Field(
        "auto",
        title="Sections from",
        description="auto: ISBI 2012 when it can be had, else synthetic sections",
    )
    path: str | None = Field(
        None,
        title="Folder, TIFF stack or zip",
        description="where the sections are read from, for the source 'folder'",
    )
    polarity: Literal["auto", "membrane_dark", "membrane_bright"] = Field(
        "auto",
        title="Label that marks membrane",
        description="whether label 0 (dark) or the highest label (bright) marks membrane; "
        "auto: the minority class that is darker in the image",
    )
    train_sections: int = Field(
        20, ge=1, le=10_000, title="Sections to train on", description="sections 0.. for training"
    )
    validation_sections: int = Field(
        4, ge=1, le=10_000, title="Sections to validate on", description="the sections after those"
    )
    test_sections: int = Field(
        6, ge=1, le=10_000, title="Sections to test on", description="the sections after those"
    )
    tiles_per_axis: int = Field(
        4,
        ge=1,
        le=16,
        title="Tiles along each side",
        description="overlapping tiles along each side of a section",
    )
    synthetic_size: int = Field(
        512,
        ge=128,
        le=2048,
        title="Side of a synthetic section, px",
        description="synthetic sections are square",
    )
    synthetic_seed: int = Field(
        0,
        ge=0,
        le=MOST_SEED,
        title="Seed of the synthetic sections",
        description="the same seed gives the same sections",
    )

    @model_validator(mode="after")
    def _folder_needs_a_path(self) -> DatasetConfig:
        if self.source == "folder" and not self.path:
            raise ValueError("source 'folder' needs path: a folder, a TIFF stack or a zip")
        return self


# Settings that training and tuning share, but for their defaults.
StepsPerEpoch = Annotated[
    int,
    Field(
        ge=1,
        le=10_000,
        title="Batches an epoch",
        description="steps of the optimizer that make an epoch",
    ),
]
TilesPerBatch = Annotated[
    int, Field(ge=1, le=256, title="Tiles a batch", description="random tiles that make a batch")
]
MembraneWeight = Annotated[
    float,
    Field(
        gt=0,
        le=100,
        title="Weight of membrane pixels",
        description="mean weight of membrane pixels in the cross-entropy; interior has 1",
    ),
]
BorderWeight = Annotated[
    float,
    Field(
        ge=0,
        le=100,
        title="Extra weight of thin membranes",
        description="how much more membrane counts where two cells nearly touch, and the other "
        "membrane less in return; 0: all alike",
    ),
]
Mixup = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        title="Share of mixed tiles",
        description="tiles that another one is blended into, by up to a half, labels too; more "
        "to answer for than sections show",
    ),
]
EmaDecay = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        title="Averaging of weights",
        description="share of the weights' running average that a step leaves",
    ),
]
Patience = Annotated[
    int | None,
    Field(
        ge=1,
        le=2000,
        title="Patience, epochs",
        description="stop after so many epochs without a better validation loss, and keep the best "
        "epoch; empty: go through all epochs, and keep the last",
    ),
]


class TrainConfig(StageConfig):
    """Stage 2, training the U-Net as an ANN."""

    network: str = Field(
        "quick",
        title="Network",
        description="quick: small and fast; paper: with the number of neurons of the paper",
        json_schema_extra={"enum": ["quick", "paper"]},
    )
    epochs: int = Field(
        30,
        ge=1,
        le=2000,
        title="Epochs, at most",
        description="training ends earlier where patience runs out",
    )
    steps_per_epoch: StepsPerEpoch = 40
    batch_size: TilesPerBatch = 8
    learning_rate: float = Field(
        2e-3, gt=0, le=1, title="Learning rate, peak", description="peak of the cosine schedule"
    )
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    mixup: Mixup = 0.0
    ema_decay: EmaDecay = 0.995
    batch_norm: bool = Field(
        True,
        title="Batch normalization",
        description="train with batch normalization, folded away after",
    )
    patience: Patience = None
    seed: int = Field(
        0, ge=0, le=MOST_SEED, title="Seed", description="seed of weights, tiles and augmentation"
    )


class TuneConfig(StageConfig):
    """Stage 3, fine-tuning with Loihi's rate curve and the percentile rate loss."""

    epochs: int = Field(
        10, ge=0, le=2000, title="Epochs on rates", description="epochs of fine-tuning with rates"
    )
    activation: Literal["relu", "loihi"] = Field(
        "loihi",
        title="Neurons of the epochs on rates",
        description="neurons of those epochs, forward: rectified linear or Loihi's curve",
    )
    noise_window_steps: int = Field(
        0,
        ge=0,
        le=2000,
        title="Noise of a spike count over, ms",
        description="those epochs' rates are as noisy as spikes counted over so many steps; 0: not",
    )
    spiking_epochs: int = Field(
        3,
        ge=0,
        le=2000,
        title="Epochs on spikes",
        description="epochs after those, with spikes forward and rates backward; 0: the network is "
        "tuned by rates alone",
    )
    spiking_steps: tuple[Annotated[int, Field(ge=10, le=1000)], ...] = Field(
        (100,),
        min_length=1,
        title="Time steps of a tile, ms",
        description="time steps of a tile there, read out over the second half; with several "
        "numbers, after each of them",
    )
    synapse_ms: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Synaptic low-pass, as tuned, ms",
        description="time constant of the synaptic low-pass that the epochs on spikes see; what "
        "is deployed has that of the presentation. 0: none",
    )
    distillation_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Share of the ANN's answer",
        description="in what tuning aims at; the rest is the labels. 1: to answer as the ANN did; "
        "0: labels alone",
    )
    initial_potential: Literal["rest", "spread"] = Field(
        "spread",
        title="Voltages that a tile starts from",
        description="of every neuron, here and on the chip: rest: zero; spread: evenly between "
        "zero and the threshold, so that the first spikes do not keep anybody waiting",
    )
    steps_per_epoch: StepsPerEpoch = 40
    batch_size: TilesPerBatch = 8
    learning_rate: float = Field(
        5e-4,
        gt=0,
        le=1,
        title="Learning rate on rates, peak",
        description="peak of the cosine schedule",
    )
    spiking_learning_rate: float = Field(
        3e-4,
        gt=0,
        le=1,
        title="Learning rate on spikes, peak",
        description="peak of the schedule of the spiking epochs",
    )
    membrane_weight: MembraneWeight = 1.0
    border_weight: BorderWeight = 2.0
    mixup: Mixup = 0.0
    ema_decay: EmaDecay = 0.995
    weight_bits: Literal[4, 5, 6, 8] | None = Field(
        8,
        title="Bits of a weight, as tuned",
        description="all epochs see the on-chip weights as rounded to so many bits; empty: exact",
    )
    rate_min_hz: float = Field(
        50.0,
        ge=0,
        le=1000,
        title="Lowest wanted rate, Hz",
        description="lower end of the wanted rate range, Hz; 0: only a maximum",
    )
    rate_max_hz: float = Field(
        200.0, gt=0, le=1000, title="Highest wanted rate, Hz", description="upper end, Hz"
    )
    percentile: float = Field(
        99.9,
        gt=0,
        le=100,
        title="Percentile of a neuron's rate, %",
        description="percentile of a neuron's rate over the batch",
    )
    rate_weight: float = Field(
        0.1,
        ge=0,
        le=1000,
        title="Weight of the rate loss, on chip",
        description="weight of the rate loss, in (100 Hz)^2 a neuron, on-chip layers; 0: none",
    )
    rate_weight_off_chip: float = Field(
        0.1,
        ge=0,
        le=1000,
        title="Weight of the rate loss, host",
        description="weight of the rate loss, layers on the host",
    )
    synop_weight: float = Field(
        0.0,
        ge=0,
        le=1000,
        title="Weight of synaptic operations",
        description="loss for each synaptic operation a step and neuron on chip, most of the "
        "chip's dynamic energy; 0: none",
    )
    initial_rate_hz: float = Field(
        150.0,
        gt=0,
        le=1000,
        title="Rate to start from, Hz",
        description="before tuning, each channel is scaled so that its percentile fires at this",
    )
    patience: Patience = 20
    seed: int = Field(
        0, ge=0, le=MOST_SEED, title="Seed", description="seed of tiles and augmentation"
    )

    @model_validator(mode="after")
    def _range_is_a_range(self) -> TuneConfig:
        if self.rate_min_hz >= self.rate_max_hz:
            raise ValueError(
                f"rate_min_hz ({self.rate_min_hz}) must be below rate_max_hz ({self.rate_max_hz})"
            )
        return self


class PresentationConfig(StageConfig):
    """How a tile is shown to the spiking network, in conversion and in deployment alike."""

    steps: int = Field(
        100,
        ge=5,
        le=2000,
        title="Time steps of a tile, ms",
        description="time steps of 1 ms a tile is shown for",
    )
    readout_window: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Share of the steps read out",
        description="last part of the steps that the read-out averages over",
    )
    synapse_ms: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Synaptic low-pass, ms",
        description="time constant of the synaptic low-pass; 0: none",
    )

    @property
    def readout_start(self) -> int:
        """First step (from 0) that the read-out averages over."""
        return min(self.steps - 1, round(self.steps * (1 - self.readout_window)))


class ConvertConfig(StageConfig):
    """Stage 4, conversion to a spiking network in NengoDL."""

    batch_tiles: int = Field(
        16, ge=1, le=4096, title="Tiles at once", description="tiles simulated at once"
    )


class QuantizeConfig(StageConfig):
    """Stage 5, tiling into core blocks and Loihi's fixed point."""

    weight_bits: Literal[4, 5, 6, 8] = Field(
        8, title="Bits of a weight", description="bits of a weight, sign included"
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
    chips: int = Field(2, ge=1, le=768, title="Chips", description="chips on the board")


class PartitionConfig(StageConfig):
    """Stage 6, blocks to chips."""

    strategy: Literal["greedy", "round_robin", "greedy_interchip", "metis", "optimized"] = Field(
        "optimized", title="Strategy", description="how core blocks are assigned to chips"
    )
    seed: int = Field(0, ge=0, le=MOST_SEED, title="Seed", description="seed of the partitioner")


class DeployConfig(StageConfig):
    """Stage 7, running on Loihi or its emulator."""

    target: Literal["emulator", "loihi"] = Field(
        "emulator", title="Run on", description="emulator, or loihi where NxSDK is installed"
    )
    engine: Literal["fast", "nengo-loihi"] = Field(
        "fast",
        title="Emulator",
        description="which emulator: this project's, or nengo-loihi's own (slow)",
    )
    presentation_steps: tuple[Annotated[int, Field(ge=5, le=2000)], ...] = Field(
        (20, 30, 35, 40, 45, 50, 60, 70, 80, 100, 150, 200),
        max_length=100,
        title="Presentation times",
        description="numbers of steps, besides that of the presentation, among which the operating "
        "point is looked for (fast engine); the largest is the start that it is compared with",
    )
    readout_windows: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.5, 0.6, 0.7),
        max_length=10,
        title="Read-out windows",
        description="shares of the steps to read out over that are tried, besides that of the "
        "presentation",
    )
    tiles_per_axis: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        (3,),
        max_length=4,
        title="Other grids of tiles",
        description="tiles along each side of a section that are tried as operating point, besides "
        "the dataset's own",
    )
    early_exit: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.04, 0.03, 0.02, 0.015),
        max_length=20,
        title="Early-exit thresholds",
        description="tried: stop a tile when its membrane probability changes by less than this "
        "from one of those numbers of steps to the next; empty: every tile runs equally long",
    )
    sections: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Sections, at most",
        description="only the first sections of validation and test (for the slow engine)",
    )


class BenchmarkConfig(StageConfig):
    """Stage 8, energy per section on Loihi, CPU and GPU."""

    batch_size: int = Field(
        16, ge=1, le=256, title="Batch besides 1", description="the batch besides online (batch 1)"
    )
    repeats: int = Field(
        5, ge=1, le=1000, title="Repetitions", description="timed repetitions; the median counts"
    )
    cpu_dynamic_watts: float = Field(
        10.0,
        gt=0,
        le=2000,
        title="Dynamic power of the CPU, W",
        description="dynamic CPU power assumed where no meter can be read",
    )
    cpu_total_watts: float = Field(
        28.0,
        gt=0,
        le=2000,
        title="Total power of the CPU, W",
        description="total CPU power assumed where no meter can be read",
    )


def _share(default: float, title: str, description: str) -> Any:
    return Field(default, ge=0, le=1, title=title, description=description)


class ToleranceConfig(StageConfig):
    """How far the chip may stay below the ANN on the test split before a run says so."""

    pixel_accuracy: float = _share(
        CHIP_BELOW_ANN["pixel_accuracy"], "Pixel accuracy", "at the threshold 0.5"
    )
    membrane_iou: float = _share(
        CHIP_BELOW_ANN["membrane_iou"], "Membrane IoU", "at the threshold 0.5"
    )
    v_rand: float = _share(CHIP_BELOW_ANN["v_rand"], "V_Rand", "at the best threshold")
    v_info: float = _share(CHIP_BELOW_ANN["v_info"], "V_Info", "at the best threshold")


class PromotionConfig(StageConfig):
    """When a newly deployed network takes the champion's place, by the validation split alone.

    It does where no figure is worse by more than its tolerance and at least one is better by
    ``gain`` tolerances. So two networks never take each other's place in turn.
    """

    pixel_accuracy: float = _share(
        CHALLENGER_BELOW_CHAMPION["pixel_accuracy"], "Pixel accuracy", "may be lower by so much"
    )
    v_rand: float = _share(CHALLENGER_BELOW_CHAMPION["v_rand"], "V_Rand", "may be lower by so much")
    v_info: float = _share(CHALLENGER_BELOW_CHAMPION["v_info"], "V_Info", "may be lower by so much")
    energy: float = Field(
        CHALLENGER_ENERGY,
        ge=0,
        le=1,
        title="Energy",
        description="on Loihi, in total; may be higher by this ratio: 0.05 is 5 %",
    )
    gain: float = Field(
        2.0, gt=1, le=100, title="Gain", description="tolerances by which one figure is better"
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
