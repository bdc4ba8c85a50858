"""The back ends by name; a new one is a module with a ``run`` function and a row here."""

from __future__ import annotations

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.run import board, emulated, nengo_loihi
from spikeseg_core.loihi.run.base import Backend, Deployment, MappedNetwork
from spikeseg_core.reporting import SILENT, Reporter

BACKENDS: dict[str, Backend] = {
    "fast": emulated.run,
    "nengo-loihi": nengo_loihi.run,
    "board": board.run,
}
"""They give the same result in more or less detail."""


def deploy(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
    *,
    in_a_row: int | None = None,
) -> Deployment:
    """Run section tiles on a mapped network, using the configured back end.

    See :class:`~spikeseg_core.loihi.run.base.Backend` for the parameters and errors.
    """
    name = "board" if config.target == "loihi" else config.engine
    return BACKENDS[name](mapped, images, presentation, config, report, in_a_row=in_a_row)
