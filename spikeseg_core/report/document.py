"""Elements of a report: tables, pictures, sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikeseg_core.report.stated import Basis, Code, Link, Printable, joined

Cell = Printable | str | None

SYNTHETIC = "SYNTHETIC DATA: generated sections, no microscopy. These scores say nothing about EM."

SCORE_TITLES = {
    "pixel_accuracy": "pixel accuracy",
    "membrane_iou": "membrane IoU",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
}

SEGMENTATIONS = {
    "ann": "ANN",
    "rate_tuned": "rate-tuned ANN",
    "snn_rate": "SNN in NengoDL, rates",
    "snn_spiking": "SNN in NengoDL, spikes",
    "loihi": "Loihi, spikes and integers",
    "ann_agglomerated": "ANN, agglomerated on the host",
    "loihi_agglomerated": "Loihi, agglomerated on the host",
}
"""Names of the segmentations by tag, in pipeline order."""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    rows : sequence of sequence of Cell
        None prints as a dash.
    caption : Cell
        None if the section's title is enough.
    """

    heading: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    caption: Cell = None

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.heading):
                raise ValueError(f"a row of {len(row)} cells under {len(self.heading)} headings")


@dataclass(frozen=True)
class Picture:
    """A picture and the bases of the figures in it.

    Attributes
    ----------
    uri : str
        The picture itself as a ``data:`` URI.
    basis : tuple of Basis
        Bases of the figures drawn in it.
    wide : bool
        Whether it may be wider than the text.
    narrow : str
        ``data:`` URI of a version for narrow screens; empty if there is none.

    Raises
    ------
    ValueError
        If ``uri`` is a link: pages must be self-contained.
    """

    uri: str
    caption: Cell
    basis: tuple[Basis, ...] = ()
    wide: bool = False
    narrow: str = ""

    def __post_init__(self) -> None:
        if not self.uri.startswith("data:image/"):
            raise ValueError(f"the picture {self.uri[:60]!r} is a link; embed it in the page")


@dataclass(frozen=True)
class Missing:
    """A record that is missing, and the command that makes it."""

    what: Cell
    command: Code


def missing(what: str, command: str) -> Missing:
    """Return a missing record, with the `spikeseg` command that makes it."""
    return Missing(what, Code(f"spikeseg {command}"))


@dataclass(frozen=True)
class Section:
    """One part of a document, such as a question and its answer.

    Attributes
    ----------
    key : str
        ``Q1`` to ``Q5``; empty for other sections.
    finding : Cell
        The answer in one sentence, for the abstract.
    answer : sequence of Cell
        One paragraph each.
    tables, pictures
        Evidence for the answer.
    points : sequence of Cell
        Bullet points.
    unknown : sequence of Cell
        Open points.
    missing : sequence of Missing
        Records that would add to the answer.
    runs : sequence of Link
        The runs behind it.
    details : sequence of Section
        Parts that are folded until a reader opens them; not in Markdown.
    """

    title: Cell
    key: str = ""
    finding: Cell = None
    answer: Sequence[Cell] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    points: Sequence[Cell] = ()
    unknown: Sequence[Cell] = ()
    missing: Sequence[Missing] = ()
    runs: Sequence[Link] = ()
    details: Sequence[Section] = ()

    @property
    def behind(self) -> Printable | None:
        """The runs behind it without duplicates; None if there are none."""
        return joined(list(dict.fromkeys(self.runs))) if self.runs else None


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes
    ----------
    warning : str
        Shown prominently at the top; empty if there is nothing to warn about.
    notes : sequence of str
        Shown in bold below the title.
    pictures : sequence of Picture
        What it is about, at a glance; below the findings.
    stated : bool
        Whether every figure must state its basis; if so, a bare number is refused.
    """

    title: Cell
    subtitle: Cell
    sections: Sequence[Section]
    warning: str = ""
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    stated: bool = True

    @property
    def missing(self) -> list[Missing]:
        """All records that are missing."""
        return [missing for section in self.sections for missing in section.missing]


def name_of_data(dataset: Mapping[str, Any], parts: int = 1) -> str:
    """Name the sections by the first parts of their note: ``ISBI 2012 challenge, 30 sections``."""
    return ",".join(str(dataset.get("note") or dataset.get("source", "?")).split(",")[:parts])


def number(value: Any) -> str:
    """Format a value with a sensible number of digits."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    if abs(value) < 1:
        return f"{value:.4f}" if abs(value) >= 1e-3 else f"{value:.3g}"
    return f"{value:,.1f}"


def four_digits(value: float) -> str:
    """Format a value with four decimals below 1, four significant digits above."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"


def in_words(names: Sequence[str]) -> str:
    """List names: ``a``, ``a and b``, ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
