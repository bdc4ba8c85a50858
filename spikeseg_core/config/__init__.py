"""All settings of the pipeline, their presets, and overrides by dotted name."""

from spikeseg_core.config.learning import TrainConfig, TuneConfig
from spikeseg_core.config.settings import (
    BenchmarkConfig,
    ConvertConfig,
    DatasetConfig,
    DeployConfig,
    PartitionConfig,
    PipelineConfig,
    PresentationConfig,
    PromotionConfig,
    QuantizeConfig,
    ToleranceConfig,
)
from spikeseg_core.config.stage_config import MOST_SEED, StageConfig

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
