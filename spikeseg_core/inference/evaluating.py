"""Score a finished network on other labelled sections, at the threshold that it brings along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.readers import pixel_sha256
from spikeseg_core.data.sources import read_source
from spikeseg_core.evaluation.scorer import SECTION_SCORES, Scorer, Thresholds
from spikeseg_core.inference.segmenter import Segmenter
from spikeseg_core.metrics.intervals import interval
from spikeseg_core.reporting import SILENT, Reporter


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network on labelled sections.

    Attributes
    ----------
    scores : dict
        :meth:`~spikeseg_core.evaluation.scorer.Scorer.scores` of all sections together. Scores
        ``_at_validation_threshold`` are at the model's own threshold; the others choose the best
        one on these labels, as the challenge does.
    sections : pandas.DataFrame
        A row per section: ``section`` (its name) and
        :data:`~spikeseg_core.evaluation.scorer.SECTION_SCORES`, all at the model's threshold.
    intervals : dict of str to dict
        Mean of each over sections, with the ends of its 95 % interval; empty for one section.
    threshold : float
    sha256 : str
        Digest of the sections' pixels.
    note : str
        Where they were found.
    warnings : tuple of str
        Sections that the network may not know.
    """

    scores: dict[str, float]
    sections: pd.DataFrame
    intervals: dict[str, dict[str, float]]
    threshold: float
    sha256: str
    note: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return {
            **{name: value for name, value in vars(self).items() if name != "sections"},
            "sections": self.sections.to_dict("records"),
        }


def evaluate(path: Path, segment: Segmenter, report: Reporter = SILENT) -> Evaluation:
    """Score a network on the labelled sections at a path.

    Parameters
    ----------
    path : Path
        As for the source ``folder`` (:func:`~spikeseg_core.data.readers.read_labelled`).

    Raises
    ------
    DataError
        If the sections cannot be read, their labels cannot be right, or one has no interior.
    """
    found = read_source(DatasetConfig(source="folder", path=str(path)), report)
    images, names = found.images.pixels, found.images.names
    polarity = choose_polarity(images, found.labels.pixels, found.polarity).polarity
    scorer = Scorer(membrane_labels(found.labels.pixels, polarity), "all")
    probability = np.empty(images.shape, np.float32)
    warnings = []
    for index, (name, section) in enumerate(zip(names, images, strict=True)):
        probability[index] = segment(section[np.newaxis])[0]
        report.progress(index + 1, len(images), name)
        share = float((probability[index] >= segment.threshold).mean())
        doubts = segment.known.doubts(section, share) if segment.known else []
        warnings += [f"section {name}: {doubt}" for doubt in doubts]
    for warning in warnings:
        report.say(f"WARNING: {warning}")
    curve, own = scorer.curve(probability), segment.threshold
    sections = scorer.by_section(probability, curve, Thresholds(own, own, own))
    several = len(images) > 1
    return Evaluation(
        scores=scorer.scores(probability, own, curve),
        sections=pd.DataFrame({"section": list(names), **sections}),
        intervals={n: interval(sections[n]).to_json() for n in SECTION_SCORES if several},
        threshold=own,
        sha256=pixel_sha256(images),
        note=found.note,
        warnings=tuple(warnings),
    )
