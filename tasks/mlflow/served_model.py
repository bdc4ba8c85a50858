"""The code by which MLflow loads a model; it is copied next to the files and unpickles nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from spikeseg_core.errors import SpikeSegError
from spikeseg_core.inference.payload import INPUT, grey_sections
from spikeseg_core.inference.segmenter import Segmenter, load_segmenter


class Refused(MlflowException):
    """What the server answers with status 400: our message, and nothing else.

    MLflow would put all the data that were sent in front of it, which can be megabytes.
    """

    def __init__(self, why: str) -> None:
        self._why = why
        super().__init__(why, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """Why the sections were refused, and what to send."""
        return self._why

    @message.setter
    def message(self, longer: str) -> None:
        pass


class SectionSegmenter:
    """Grey sections (n, height, width) in, membrane probability of the same shape out."""

    def __init__(self, segment: Segmenter) -> None:
        self._segment = segment

    def predict(self, sent: Any) -> np.ndarray:
        """Segment sections; :class:`Refused` if what was sent is anything else."""
        sections = sent[INPUT] if isinstance(sent, dict) else sent
        try:
            return self._segment(grey_sections(sections, self._segment.grey))
        except SpikeSegError as error:
            raise Refused(str(error)) from error


def _load_pyfunc(folder: str) -> SectionSegmenter:
    """Load the model's folder; MLflow calls this function by its name."""
    return SectionSegmenter(load_segmenter(Path(folder)))
