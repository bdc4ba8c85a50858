"""A document as one HTML page, as Markdown and on the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html import escape
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from spikeseg_core.report.document import Cell, Document, Table
from spikeseg_core.report.stated import BASES, Marked, bases, printable, unmarked

_COMMAND = re.compile("`([^`]+)`")

WIDTH_IN_A_LOG = 120
"""Columns of text if there is no terminal."""


def html(document: Document) -> str:
    """Render a document as one self-contained page.

    Raises
    ------
    BareNumberError
        If every figure must state its basis and one does not.
    """
    return _rendered(document, "page.html", _html)


def markdown(document: Document) -> str:
    """Render a document as Markdown, without pictures.

    Raises
    ------
    BareNumberError
        As :func:`html`.
    """
    return _rendered(document, "page.md", words)


def markdown_table(table: Table) -> str:
    """Render one table as Markdown, without its caption."""
    lines = [table.heading, ["---"] * len(table.heading), *table.rows]
    return "".join(f"| {' | '.join(_in_a_row(cell) for cell in line)} |\n" for line in lines)


def plain_rows(table: Table) -> list[dict[str, str]]:
    """Return the rows as text by heading."""
    heading = [words(name) for name in table.heading]
    return [dict(zip(heading, map(words, row), strict=True)) for row in table.rows]


def terminal(document: Document, console: Console) -> None:
    """Print a document's tables under the titles of their sections, and its notes."""
    for section in document.sections:
        for table in section.tables:
            console.print(terminal_table(table, words(section.title)))
    for note in document.notes:
        console.print(Text(f"note      {note}", "yellow"), soft_wrap=True)


def terminal_table(table: Table, title: str = "") -> RichTable:
    """Make a table for the terminal; a title replaces its caption. Brackets are no markup."""
    caption = title or (words(table.caption) if table.caption is not None else "")
    found = RichTable(
        title=Text(caption) if caption else None, title_justify="left", title_style="bold"
    )
    for position, name in enumerate(table.heading):
        justify: Any = "left" if position == 0 else "right"
        found.add_column(Text(words(name)), justify=justify, overflow="fold")
    for row in table.rows:
        found.add_row(*(Text(words(cell)) for cell in row))
    return found


def wide_console() -> Console:
    """Return the console for results, wide enough for a table if there is no terminal.

    It prints text as it is: brackets in a name or path are no markup.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_A_LOG
    return console


def _html(value: Cell) -> str:
    if value is None:
        return "–"
    if not isinstance(value, str):
        return value.html()
    return _COMMAND.sub(r"<code>\1</code>", escape(value, quote=False))


def words(value: Cell) -> str:
    """Render a cell as Markdown."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else value.markdown()


def _in_a_row(value: Cell) -> str:
    """Render a cell so that it cannot break its row."""
    return words(value).replace("|", "/").replace("\n", " ")


def _rendered(document: Document, template: str, form: Callable[[Cell], str]) -> str:
    page: str = (
        environment(form, document.stated)
        .get_template(template)
        .render(
            document=document,
            findings=[one for one in document.sections if one.finding is not None],
            legend=[(basis, *meaning) for basis, meaning in BASES.items()],
            cell=lambda value: Markup(_html(_checked(value, document.stated))),
            row=lambda cells: Markup(
                " | ".join(_in_a_row(_checked(cell, document.stated)) for cell in cells)
            ),
            # Base64, so it cannot break out of the attribute.
            marked=_marked_once,
            uri=Markup,
            plain=lambda value: Markup(escape(words(_checked(value, document.stated)))),
        )
    )
    return page


def _marked_once(table: Table) -> Table:
    """Move a basis that all figures of a column share into the column's heading."""
    columns = list(zip(*table.rows, strict=True))
    found = [{b for cell in column for b in bases(cell)} for column in columns]
    heading: list[Cell] = list(table.heading)
    for position, basis in enumerate(found):
        if len(basis) == 1:
            heading[position] = Marked(printable(heading[position]), next(iter(basis)))
    rows = [
        [unmarked(cell) if len(b) == 1 else cell for cell, b in zip(row, found, strict=True)]
        for row in table.rows
    ]
    return replace(table, heading=heading, rows=rows)


def _checked(value: Any, stated: bool) -> Cell:
    """Return the cell; raise BareNumberError if it is not text or a figure lacks its basis."""
    if value is None or (isinstance(value, str) and not stated):
        return value
    return printable(value)


@cache
def environment(form: Callable[[Cell], str], stated: bool) -> Any:
    """Make Jinja's environment, which checks every value before printing it.

    Parameters
    ----------
    form : callable
        Renders a cell as HTML or Markdown.
    stated : bool
        Whether a bare number is refused.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def finalize(value: object) -> object:
        # Output of the templates' own macros and functions is already checked.
        return value if isinstance(value, Markup) else Markup(form(_checked(value, stated)))

    return Environment(
        loader=PackageLoader("spikeseg_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
