"""``spikeseg bench energy``: the energy benchmark at many batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spikeseg_core.config import PipelineConfig
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stages.benchmark import run_benchmark

BATCHES = (1, 2, 4, 8, 16, 32, 64)


def bench_energy(
    config: PipelineConfig, inputs: Mapping[str, Path], report: Reporter = SILENT
) -> dict[str, Any]:
    """Benchmark a deployed network at batch sizes 1 to 64.

    Parameters
    ----------
    inputs : mapping of str to Path
        Finished folders of the stages up to ``deploy``.

    Returns
    -------
    dict
        ``figures``: the fields of :class:`~spikeseg_core.energy.figure.EnergyFigure` and
        ``label``; ``accuracy`` on the same sections by device and precision, and
        ``equal_accuracy``; ``claims``, every ratio to an int8 CPU with its equality of accuracy
        (:func:`~spikeseg_core.evaluation.claims.claims`); ``ratios``, and ``ratios_by_idle`` for
        every static-power accounting; ``operating_point``; ``sensitivity``;
        ``overtaking_batch``; and the inputs of these.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    with TemporaryDirectory() as folder:
        facts = run_benchmark(config, inputs, BATCHES, Path(folder), report).facts
    return dict(facts)
