"""The protocol of sources, and what they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.polarity import Polarity
from spikeseg_core.data.readers import Stack
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import Reporter


class UnavailableError(DataError):
    """Data that is neither here nor can be fetched; the source ``auto`` then falls back."""


@dataclass(frozen=True)
class Sections:
    """Sections and masks as stored by a source.

    Attributes
    ----------
    images, labels : Stack
        Of the same shape; labels with two grey values of either polarity.
    polarity : str
        Which value is membrane, if the source knows; else ``auto``.
    unlabelled : Stack, optional
        More sections, without labels, which may differ in size from the others.
    """

    images: Stack
    labels: Stack
    source: str
    note: str
    polarity: Literal["auto"] | Polarity = "auto"
    unlabelled: Stack | None = None


class Source(Protocol):
    """A source of labelled sections.

    Attributes
    ----------
    name : str
        As in the setting ``dataset.source``.
    """

    name: str

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read the sections.

        Raises
        ------
        UnavailableError
            If they are not here and cannot be fetched.
        DataError
            If they are here but damaged.
        """

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Identify the sections without reading them, so that a change is noticed.

        Returns
        -------
        dict
            With ``source``, the name of the source that will be read.
        """
