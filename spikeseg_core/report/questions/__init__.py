"""The paper's five questions: one module each, with ``section(evidence, folder) -> Section``."""

from spikeseg_core.report.questions import (
    accuracy,
    partitioning,
    quantization,
    rates_and_spikes,
    tradeoff,
)

QUESTIONS = (accuracy, tradeoff, partitioning, quantization, rates_and_spikes)
"""In the order of the paper."""
