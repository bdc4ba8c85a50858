"""The model that MLflow serves, as code: this file is copied beside the model's own files.

It holds no weights, and nothing is unpickled: MLflow runs this file when it loads the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np


class SectionSegmenter(mlflow.pyfunc.PythonModel):
    """Grey sections (n, height, width) in, membrane probability of the same shape out."""

    def load_context(self, context: Any) -> None:
        """Load the segmenter from the model's folder."""
        from spikeseg_core.segmenter import load_segmenter

        self._segment = load_segmenter(Path(context.artifacts["segmenter"]))

    # MLflow takes type hints of `predict` for a schema of its own; ours is the signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Segment."""
        return self._segment(np.asarray(model_input))


mlflow.models.set_model(SectionSegmenter())
