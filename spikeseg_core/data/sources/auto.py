"""Source ``auto``: ISBI 2012 if it is available, otherwise synthetic sections."""

from __future__ import annotations

from typing import Any

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources.base import Sections, UnavailableError
from spikeseg_core.data.sources.isbi2012 import ISBI2012
from spikeseg_core.data.sources.synthetic import Synthetic
from spikeseg_core.reporting import Reporter


class Auto:
    """The challenge's sections, or synthetic ones with the reason in their note."""

    name = "auto"

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read what is available; damaged data is an error."""
        try:
            return ISBI2012().read(config, report)
        except UnavailableError as error:
            return Synthetic(f"because ISBI 2012 is not available: {error}").read(config, report)

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Return the challenge's fingerprint if its data is on this machine."""
        isbi2012 = ISBI2012()
        return isbi2012.fingerprint(config) if isbi2012.available() else {"source": self.name}
