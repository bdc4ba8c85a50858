"""The report as one HTML page and as Markdown. Both templates print through the same gate."""

from __future__ import annotations

from functools import cache
from typing import Any

from flows.research.content import Report
from flows.research.stated import BASES, Printable, Words, finalizer


@cache
def _environment(form: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("flows"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalizer(lambda value: getattr(value, form)()),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html(report: Report) -> str:
    """Write the report as one page that needs nothing else."""
    return _rendered(report, "html")


def markdown(report: Report) -> str:
    """Write the report as Markdown, without its pictures."""
    return _rendered(report, "markdown")


def _rendered(report: Report, form: str) -> str:
    template = "research.html" if form == "html" else "research.md"
    page: str = (
        _environment(form)
        .get_template(template)
        .render(
            report=report,
            legend=[(basis, *meaning) for basis, meaning in BASES.items()],
            cell=_cell,
        )
    )
    return page


def _cell(value: Printable | str | None) -> Printable | str:
    return Words("–") if value is None else value
