"""What a research report may print: words without figures, names, and figures with their basis.

Plain numbers, and words with digits, are refused here and wherever the template prints.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from statistics import median
from string import Formatter
from typing import Literal, Protocol, TypeVar

P = TypeVar("P")

Basis = Literal["measured", "modelled", "published", "set"]

BASES: dict[Basis, tuple[str, str]] = {
    "measured": (
        "●",
        "scored, counted or timed by this software: scores on sections, events in the emulator, "
        "times on the machine named below",
    ),
    "modelled": (
        "◐",
        "computed from counts or times and stated constants, not read from a meter",
    ),
    "published": ("○", "taken from a publication, with its source"),
    "set": ("□", "a setting or an assumption, not a finding"),
}
"""Symbol and meaning of each basis."""

_FIGURE = re.compile(r"(?<!\w)(?<!\w[.,])\d")
"""A digit without a letter before it: "3" and "8-bit", not "int8" or "V_Rand"."""

_FIGURES = re.compile(r"((?:[A-Za-z_]\w*|[^\d])*)(\d[\d,]*\d(?:\.\d+)?|\d(?:\.\d+)?)?")
"""Words, then a figure; a word starts with a letter and may contain digits."""


class BareNumberError(TypeError):
    """A figure would be printed without its basis."""


def checked(text: str) -> str:
    """Return the text if it contains no figure.

    Raises
    ------
    BareNumberError
        If it contains one; the message shows the text.
    """
    if _FIGURE.search(text):
        raise BareNumberError(
            f"the report's text {text!r} contains a figure without a basis; use Stated for "
            f"a figure, Name for a name"
        )
    return text


class Printable(Protocol):
    """Something a report can print."""

    def html(self) -> str:
        """Render as HTML."""

    def markdown(self) -> str:
        """Render as Markdown."""


def significant(value: float | None, digits: int = 3) -> str:
    """Format a value with some significant digits, or all before the point, without exponent."""
    if value is None:
        return "–"
    if not value:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


@dataclass(frozen=True)
class Stated:
    """A figure with its basis.

    Attributes
    ----------
    value : float
        The figure; the median if there are several seeds.
    basis : {"measured", "modelled", "published", "set"}
        See :data:`BASES`.
    form : str
        Python format: ``.3f``, ``,.0f``, ``+.3f``; or ``s2``, for two significant digits.
    unit : str
        Written after the figure.
    seeds : tuple of float
        The values of all seeds in order, if there are several.
    marked : bool
        Whether its basis is shown; not if it is shown once for a whole column.
    """

    value: float
    basis: Basis
    form: str = ".3f"
    unit: str = ""
    seeds: tuple[float, ...] = ()
    marked: bool = True

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise BareNumberError(f"{self.value} has the basis {self.basis!r}, not {list(BASES)}")
        if not math.isfinite(self.value):
            raise ValueError(f"a report cannot state {self.value}")

    @property
    def digits(self) -> str:
        """The formatted figure."""
        return self._written(self.value)

    @property
    def _spread(self) -> list[str]:
        return [self._written(seed) for seed in self.seeds]

    @property
    def _after(self) -> str:
        """The unit, with a space except for per cent."""
        return self.unit if self.unit in ("", "%") else f" {self.unit}"

    def _written(self, value: float) -> str:
        if self.form.startswith("s"):
            return significant(value, int(self.form[1:]))
        digits = f"{value:{self.form}}"
        # A change that rounds to zero has no sign.
        return digits.lstrip("+-") if not digits.strip("+-0.%") else digits

    def html(self) -> str:
        """Render as HTML, with the basis as a symbol and in the tooltip."""
        sign = f"<sup>{BASES[self.basis][0]}</sup>" if self.marked else ""
        unit = escape(self._after)
        seeds = f" <small>[{', '.join(self._spread)}]</small>" if self.seeds else ""
        return (
            f'<span class="figure" data-basis="{self.basis}" title="{self.basis}">{self.digits}'
            f"{unit}{sign}{seeds}</span>"
        )

    def markdown(self) -> str:
        """Render as Markdown, with the basis as a word."""
        unit = self._after
        seeds = f" [{', '.join(self._spread)}]" if self.seeds else ""
        basis = f" ({self.basis})" if self.marked else ""
        return f"{self.digits}{unit}{seeds}{basis}"


def stated(
    values: float | Iterable[float | None] | None,
    basis: Basis,
    form: str = ".3f",
    unit: str = "",
) -> Stated | None:
    """State a figure, or the median over seeds; None if there is no value."""
    if values is None:
        return None
    found = [values] if isinstance(values, int | float) else [v for v in values if v is not None]
    known = [float(value) for value in found if math.isfinite(value)]
    if not known:
        return None
    return Stated(median(known), basis, form, unit, tuple(known) if len(known) > 1 else ())


@dataclass(frozen=True)
class Name:
    """A name, date or reference, whose digits are not figures: "Loihi 1", "Davies et al. 2018"."""

    text: str

    def html(self) -> str:
        """Render as HTML."""
        return f'<span class="name">{escape(self.text)}</span>'

    def markdown(self) -> str:
        """Render as Markdown."""
        return self.text


@dataclass(frozen=True)
class Code:
    """A command, a setting or an identifier."""

    text: str

    def html(self) -> str:
        """Render as HTML."""
        return f"<code>{escape(self.text)}</code>"

    def markdown(self) -> str:
        """Render as Markdown."""
        return f"`{self.text}`"


@dataclass(frozen=True)
class Link:
    """A run: linked if it has a page, otherwise named."""

    text: str
    url: str | None

    def html(self) -> str:
        """Render as HTML."""
        code = f"<code>{escape(self.text)}</code>"
        return f'<a href="{escape(self.url)}">{code}</a>' if self.url else code

    def markdown(self) -> str:
        """Render as Markdown."""
        return f"[`{self.text}`]({self.url})" if self.url else f"`{self.text}`"


@dataclass(frozen=True)
class Words:
    """Text without a figure."""

    text: str

    def __post_init__(self) -> None:
        checked(self.text)

    def html(self) -> str:
        """Render as HTML."""
        return escape(self.text, quote=False)

    def markdown(self) -> str:
        """Render as Markdown."""
        return self.text


@dataclass(frozen=True)
class Text:
    """A sequence of printable parts, such as a sentence."""

    parts: tuple[Printable, ...]

    def html(self) -> str:
        """Render as HTML."""
        return "".join(part.html() for part in self.parts)

    def markdown(self) -> str:
        """Render as Markdown."""
        return "".join(part.markdown() for part in self.parts)


def say(template: str, **values: Printable | str | None) -> Text:
    """Make a sentence from a template such as ``"V_Rand falls by {change}"``.

    Parameters
    ----------
    template : str
        Words with placeholders in braces.
    **values
        Figures, names and so on; plain strings are words, None is "an unknown amount".

    Raises
    ------
    BareNumberError
        If words contain a figure, or a value is a plain number.
    """
    parts: list[Printable] = []
    for words, name, _, _ in Formatter().parse(template):
        if words:
            parts.append(Words(words))
        if name is not None:
            parts.append(printable(values[name], "an unknown amount"))
    return Text(tuple(parts))


def printable(value: Printable | str | None, missing: str = "–") -> Printable:
    """Convert a value to a printable.

    Raises
    ------
    BareNumberError
        If it is a number, or text with one.
    """
    if value is None:
        return Words(missing)
    if isinstance(value, str):
        return Words(value)
    if not callable(getattr(value, "html", None)):
        raise BareNumberError(f"{value!r} has no basis; use Stated, Name, Code or Link")
    return value


def told(text: str, basis: Basis) -> Text:
    """Convert a recorded text whose figures all have the same basis."""
    parts: list[Printable] = []
    for words, figure in _FIGURES.findall(text):
        if words:
            parts.append(Words(words))
        if figure:
            places = len(figure.partition(".")[2])
            parts.append(Stated(float(figure.replace(",", "")), basis, f",.{places}f"))
    return Text(tuple(parts))


def joined(parts: Sequence[Printable], between: str = ", ") -> Text:
    """Join parts with a separator."""
    found: list[Printable] = []
    for part in parts:
        found += [Words(between), part] if found else [part]
    return Text(tuple(found))


@dataclass(frozen=True)
class Marked:
    """A heading whose column has one basis, shown here once."""

    heading: Printable
    basis: Basis

    def html(self) -> str:
        """Render as HTML, with the basis as a symbol."""
        sign, _ = BASES[self.basis]
        return f'{self.heading.html()}<sup title="{self.basis}">{sign}</sup>'

    def markdown(self) -> str:
        """Render as Markdown, with the basis as a word."""
        return f"{self.heading.markdown()} ({self.basis})"


def bases(cell: object) -> set[Basis]:
    """Bases of all figures in a cell."""
    if isinstance(cell, Stated):
        return {cell.basis}
    return {b for part in cell.parts for b in bases(part)} if isinstance(cell, Text) else set()


def unmarked(cell: P) -> P:
    """Return the cell without the marks of its figures."""
    if isinstance(cell, Stated):
        return replace(cell, marked=False)
    if isinstance(cell, Text):
        return replace(cell, parts=tuple(unmarked(part) for part in cell.parts))
    return cell
