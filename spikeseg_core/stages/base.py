"""Input and output of every stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from spikeseg_core.config import PipelineConfig
from spikeseg_core.reporting import Reporter


@dataclass(frozen=True)
class StageResult:
    """Results of a finished stage, in addition to the files in its folder.

    Attributes
    ----------
    metrics : mapping of str to (mapping of str to float)
        By segmentation stage tag (``ann``, ``rate_tuned``, ``snn_rate``, ``snn_spiking``,
        ``loihi``, or the stage's own name if it does not segment): flat metric names to values.
    """

    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tables: tuple[Path, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class StageFunction(Protocol):
    """Signature of every stage's ``run``."""

    def __call__(
        self,
        config: PipelineConfig,
        inputs: Mapping[str, Path],
        folder: Path,
        report: Reporter,
    ) -> StageResult:
        """Run the stage; ``inputs`` are the finished folders of the stages it reads, by name."""
