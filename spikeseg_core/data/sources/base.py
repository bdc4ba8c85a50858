"""What a source of sections is, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import Stack
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import Reporter


class UnavailableError(DataError):
    """Data that is not here and cannot be fetched; with the source ``auto`` no reason to stop."""


@dataclass(frozen=True)
class Sections:
    """Sections and masks as a source holds them.

    Attributes
    ----------
    images, labels : Stack
        Of the same shape; labels with two grey values of either polarity.
    source : str
        Name of the source.
    note : str
        Where they came from and why.
    """

    images: Stack
    labels: Stack
    source: str
    note: str


class Source(Protocol):
    """Where labelled sections come from.

    Attributes
    ----------
    name : str
        As the setting ``dataset.source`` names it.
    """

    name: str

    def available(self, config: DatasetConfig) -> bool:
        """Tell whether the sections are on this machine; nothing is downloaded."""

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read the sections.

        Raises
        ------
        UnavailableError
            If they are neither here nor can be fetched.
        DataError
            If they are here but damaged.
        """

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Say what the sections are now, without reading them, so that others are prepared anew.

        Returns
        -------
        dict
            With ``source``, the name of the source that will be read.
        """
