"""Every setting of the pipeline, its presets, and changes to them by dotted name."""

from spikeseg_core.config.settings import (
    MOST_SEED,
    BenchmarkConfig,
    ConvertConfig,
    DatasetConfig,
    DeployConfig,
    PartitionConfig,
    PipelineConfig,
    PresentationConfig,
    PromotionConfig,
    QuantizeConfig,
    StageConfig,
    ToleranceConfig,
    TrainConfig,
    TuneConfig,
)

__all__ = [
    "MOST_SEED",
    "BenchmarkConfig",
    "ConvertConfig",
    "DatasetConfig",
    "DeployConfig",
    "PartitionConfig",
    "PipelineConfig",
    "PresentationConfig",
    "PromotionConfig",
    "QuantizeConfig",
    "StageConfig",
    "ToleranceConfig",
    "TrainConfig",
    "TuneConfig",
]
