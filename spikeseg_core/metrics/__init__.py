"""Scores of a segmentation at full section resolution (definitions: docs/reference/metrics.md)."""
