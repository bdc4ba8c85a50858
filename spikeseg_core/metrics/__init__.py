"""Scores of a segmentation at full section resolution (definitions: docs/metrics.md)."""

from spikeseg_core.metrics.pixels import PixelScores, pixel_scores
from spikeseg_core.metrics.rand_info import (
    THRESHOLDS,
    RandInfo,
    ThresholdCurve,
    TrueCells,
    cell_regions,
    rand_info,
    thinned_regions,
    threshold_curve,
)

__all__ = [
    "THRESHOLDS",
    "PixelScores",
    "RandInfo",
    "ThresholdCurve",
    "TrueCells",
    "cell_regions",
    "pixel_scores",
    "rand_info",
    "thinned_regions",
    "threshold_curve",
]
