"""What reports call scores and networks."""

from __future__ import annotations

SYNTHETIC = "SYNTHETIC DATA: generated sections, no microscopy. These scores say nothing about EM."

SCORE_TITLES = {
    "pixel_accuracy": "pixel accuracy",
    "membrane_iou": "membrane IoU",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
}

SEGMENTATIONS = {
    "ann": "ANN",
    "rate_tuned": "rate-tuned ANN",
    "snn_rate": "SNN, rates",
    "snn_spiking": "SNN, spikes",
    "loihi": "Loihi, integers",
}
"""Names of what segments, by tag, in the order of the pipeline."""
