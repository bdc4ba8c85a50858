"""What a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from flows.research.stated import Basis, Code, Link, Printable, Text, joined

Cell = Printable | str | None


@dataclass(frozen=True)
class Table:
    """A table; its figures are the cells' own affair, its heading and first column are words.

    Attributes
    ----------
    caption : Text
    heading : sequence of Cell
    rows : sequence of sequence of Cell
        None prints as a dash.
    """

    caption: Text
    heading: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.heading):
                raise ValueError(f"a row of {len(row)} cells under {len(self.heading)} headings")


@dataclass(frozen=True)
class Picture:
    """A picture, and what the figures drawn in it rest on.

    Attributes
    ----------
    uri : str
        The picture itself, as ``data:``.
    caption : Text
    basis : tuple of Basis
        Of the figures drawn in it.
    wide : bool
        Whether it may be wider than the text.
    """

    uri: str
    caption: Text
    basis: tuple[Basis, ...]
    wide: bool = False

    @property
    def image(self) -> Markup:
        """The picture itself; base64, so nothing in it can end the attribute."""
        if not self.uri.startswith("data:image/"):
            raise ValueError("a picture is part of the page, not a link")
        return Markup(self.uri)

    @property
    def alt(self) -> Markup:
        """The caption as plain text."""
        return Markup(escape(self.caption.markdown()))

    @property
    def told(self) -> str:
        """What the figures drawn in it rest on."""
        return ", ".join(self.basis)


@dataclass(frozen=True)
class Missing:
    """A record that MLflow does not have, and the command that makes it."""

    what: Text
    command: Code


@dataclass(frozen=True)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key : str
        ``Q1`` to ``Q5``.
    question : str
    finding : Text
        The answer in a sentence, for the abstract.
    answer : sequence of Text
        The answer, a paragraph each.
    tables, pictures
        What it rests on.
    runs : sequence of Link
        The MLflow runs behind it.
    unknown : sequence of Text
        What is not known.
    missing : sequence of Missing
        Records that would tell more.
    """

    key: str
    question: str
    finding: Text
    answer: Sequence[Text]
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    runs: Sequence[Link] = ()
    unknown: Sequence[Text] = ()
    missing: Sequence[Missing] = ()

    @property
    def behind(self) -> Text:
        """The runs behind it, each once."""
        return joined(list(dict.fromkeys(self.runs)))


@dataclass(frozen=True)
class Report:
    """The whole report.

    Attributes
    ----------
    title : Printable
    subtitle : Text
    warning : str
        Said loudly on top; empty if there is nothing to warn of.
    sections : sequence of Section
    methods : sequence of Text
    limits : sequence of Text
    runs : Table
        The pipeline runs it was made from.
    references : sequence of Printable
    """

    title: Printable
    subtitle: Text
    warning: str
    sections: Sequence[Section]
    methods: Sequence[Text]
    limits: Sequence[Text]
    runs: Table
    references: Sequence[Printable] = field(default_factory=tuple)

    @property
    def plain_title(self) -> Markup:
        """The title without marks, for the browser's tab."""
        return Markup(escape(self.title.markdown()))

    @property
    def missing(self) -> list[Missing]:
        """Everything that MLflow has no record of."""
        return [missing for section in self.sections for missing in section.missing]
