"""Where sections come from: one file per source, and the table of sources.

To add a source, write a class in its own file, add a line here, and its name to
:data:`~spikeseg_core.config.settings.SourceName`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import dated_files, read_stack
from spikeseg_core.data.sources.auto import Auto
from spikeseg_core.data.sources.base import Sections, Source, UnavailableError
from spikeseg_core.data.sources.folder import Folder
from spikeseg_core.data.sources.isbi2012 import ISBI2012
from spikeseg_core.data.sources.synthetic import Synthetic
from spikeseg_core.reporting import SILENT, Reporter

SOURCES: dict[str, Source] = {
    source.name: source for source in (Auto(), ISBI2012(), Folder(), Synthetic())
}

__all__ = ["SOURCES", "Sections", "Source", "UnavailableError", "fingerprint", "read_source"]


def read_source(config: DatasetConfig, report: Reporter = SILENT) -> Sections:
    """Read the configured source (:meth:`Source.read`), and the sections without labels."""
    found = SOURCES[config.source].read(config, report)
    if config.unlabelled:
        found = replace(found, unlabelled=read_stack(Path(config.unlabelled)))
    return found


def fingerprint(config: DatasetConfig) -> dict[str, Any]:
    """Fingerprint the configured source; see :meth:`Source.fingerprint`."""
    found = SOURCES[config.source].fingerprint(config)
    if config.unlabelled:
        found = found | {"unlabelled_files": dated_files(Path(config.unlabelled).expanduser())}
    return found
