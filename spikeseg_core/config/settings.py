"""Every setting of the pipeline, typed, bounded and explained.

One frozen model per stage, nested in :class:`PipelineConfig`. They make the form on
Prefect's page, the options of the command line and the parameters in MLflow. Presets are instances
of it (:mod:`spikeseg_core.config.presets`). Training and tuning, the longest, are in
:mod:`spikeseg_core.config.learning`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikeseg_core.config.learning import TrainConfig, TuneConfig
from spikeseg_core.config.stage_config import StageConfig, above_0, between, seed_setting
from spikeseg_core.config.tolerances import (
    CHALLENGER_BELOW_CHAMPION,
    CHALLENGER_ENERGY,
    CHIP_BELOW_ANN,
)

SourceName = Literal["auto", "isbi2012", "folder", "synthetic"]
"""Names of :data:`spikeseg_core.data.sources.SOURCES`."""


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
    unlabelled: str | None = Field(
        None,
        title="Sections without labels",
        description="folder of images or TIFF stack of more sections, of the same tissue and "
        "microscope, to learn from without labels; empty: those of the source, if it has any",
    )
    polarity: Literal["auto", "membrane_dark", "membrane_bright"] = Field(
        "auto",
        title="Label that marks membrane",
        description="whether label 0 (dark) or the highest label (bright) marks membrane; "
        "auto: the minority class that is darker in the image",
    )
    train_sections: int | None = between(
        None,
        1,
        10_000,
        "Training sections",
        "number of sections to train on: the first ones; empty: fitted to the stack, 20 of 30",
    )
    validation_sections: int | None = between(
        None,
        1,
        10_000,
        "Validation sections",
        "number of sections that follow, for validation; empty: fitted to the stack, 4 of 30",
    )
    test_sections: int | None = between(
        None,
        1,
        10_000,
        "Test sections",
        "number of sections that follow, for testing; empty: fitted to the stack, 6 of 30",
    )
    folds: int = between(
        1,
        1,
        10_000,
        "Folds",
        "cut all sections of the source into this many contiguous folds, at least 3, instead of "
        "the blocks above: one to test on, the next to validate on, the rest to train on; 1: off. "
        "Synthetic sections are as many as the three numbers above together",
    )
    fold: int = between(0, 0, 9999, "Fold", "which of the folds to test on, from 0")
    tiles_per_axis: int = between(
        4, 1, 16, "Tiles along each side", "overlapping tiles along each side of a section"
    )
    synthetic_size: int = between(
        512, 128, 2048, "Side of a synthetic section, px", "synthetic sections are square"
    )
    synthetic_seed: int = seed_setting(
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


class PresentationConfig(StageConfig):
    """How a tile is shown to the spiking network, in conversion and in deployment alike."""

    steps: int = between(
        100, 5, 2000, "Time steps per tile, ms", "time steps of 1 ms that each tile is shown for"
    )
    readout_window: float = above_0(
        0.5, 1, "Read-out window", "final share of the steps that the read-out averages over"
    )
    synapse_ms: float = between(
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

    batch_tiles: int = between(
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
    chips: int = between(2, 1, 768, "Chips", "chips on the board")


class PartitionConfig(StageConfig):
    """Stage 6, blocks to chips."""

    strategy: Literal["greedy", "round_robin", "greedy_interchip", "metis", "optimized"] = Field(
        "optimized", title="Strategy", description="how core blocks are assigned to chips"
    )
    seed: int = seed_setting("seed of the partitioner")


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
    continuous_steps: tuple[Annotated[int, Field(ge=5, le=2000)], ...] = Field(
        (),
        max_length=100,
        title="Presentation times without resets",
        description="time steps to try when the tiles of a section follow each other without a "
        "reset, and are read out late (fast engine, fewest tiles); more than the network is deep",
    )
    grid: int | None = between(
        None,
        1,
        16,
        "Tiles along each side",
        "tiles along each side of a section as it is deployed; by default the dataset's",
    )
    continuous: bool = Field(
        False,
        title="Without resets",
        description="deploy the tiles of a section one after the other without a reset, each read "
        "out as many steps late as the network is deep",
    )
    sections: int | None = between(
        None,
        1,
        10_000,
        "Maximum sections",
        "use only the first sections of validation and test (for the slow engine)",
    )


class BenchmarkConfig(StageConfig):
    """Stage 8, energy per section on Loihi, CPU and GPU."""

    batch_size: int = between(
        16, 1, 256, "Second batch size", "batch size to measure in addition to 1 (online)"
    )
    repeats: int = between(5, 1, 1000, "Repetitions", "timed repetitions; the median is used")
    cpu_dynamic_watts: float = above_0(
        10.0, 2000, "Dynamic power of the CPU, W", "dynamic CPU power assumed without a meter"
    )
    cpu_total_watts: float = above_0(
        28.0, 2000, "Total power of the CPU, W", "total CPU power assumed without a meter"
    )
    busy_above: float = between(
        0.1,
        0,
        1,
        "Accepted load",
        "share of the CPUs that other work may use during a timing; above it, the timing is busy",
    )


class ToleranceConfig(StageConfig):
    """How far the chip may fall below the ANN on the test split before a run reports it."""

    pixel_accuracy: float = between(
        CHIP_BELOW_ANN["pixel_accuracy"], 0, 1, "Pixel accuracy", "at the threshold 0.5"
    )
    membrane_iou: float = between(
        CHIP_BELOW_ANN["membrane_iou"], 0, 1, "Membrane IoU", "at the threshold 0.5"
    )
    v_rand: float = between(CHIP_BELOW_ANN["v_rand"], 0, 1, "V_Rand", "at the best threshold")
    v_info: float = between(CHIP_BELOW_ANN["v_info"], 0, 1, "V_Info", "at the best threshold")


class PromotionConfig(StageConfig):
    """When a newly deployed network replaces the champion, by the validation split alone.

    It does if no figure is worse by more than its tolerance and at least one is better by ``gain``
    tolerances. So two networks never keep replacing each other.
    """

    pixel_accuracy: float = between(
        CHALLENGER_BELOW_CHAMPION["pixel_accuracy"], 0, 1, "Pixel accuracy", "tolerated loss"
    )
    v_rand: float = between(CHALLENGER_BELOW_CHAMPION["v_rand"], 0, 1, "V_Rand", "tolerated loss")
    v_info: float = between(CHALLENGER_BELOW_CHAMPION["v_info"], 0, 1, "V_Info", "tolerated loss")
    energy: float = between(
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
        json_schema_extra={"enum": ["quick", "paper", "lean"]},
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
