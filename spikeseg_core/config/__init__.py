"""All settings of the pipeline, their presets, and overrides by dotted name."""

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
