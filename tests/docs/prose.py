"""Reads the Markdown of the documentation as its rules see it: paragraphs, sentences, words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LEDGER = DOCS / "results" / "ledger.md"

_FENCE = re.compile(r"\s*(```+|~~~+|:::+)")
_ANCHOR = re.compile(r"\([\w-]+\)=$")
_ITEM = re.compile(r"\s*([-*]|\d+\.) ")
_ABBREVIATION = re.compile(r"\b(et al|e\.g|i\.e|eq|Eq|vol|no|vs|Fig|approx|cf|incl)\.$")
_BOUNDARY = re.compile(r"(?<=[.!?])([)\"'*_`]*)\s+(?=[\"'(*_\[]*(?:[A-Z0-9]|`[\w-]))")
_END = re.compile(r"[.!?:;][)\"'*_`]*$")


@dataclass(frozen=True)
class Paragraph:
    """Consecutive lines of prose, such as one item of a list."""

    number: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(line.strip() for line in self.lines)

    @property
    def prose(self) -> tuple[str, ...]:
        """The lines without the mark of a list's item."""
        return tuple(_ITEM.sub("", line, count=1).strip() for line in self.lines)


def pages() -> list[Path]:
    """All pages that people write, with the README and CONTRIBUTING."""
    written = [path for path in sorted(DOCS.rglob("*.md")) if "generated" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *written]


def paragraphs(text: str) -> Iterator[Paragraph]:
    """Paragraphs and list items; no code, tables, headings, pictures or comments."""
    found: list[str] = []
    first, fence, comment = 0, "", False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        opening = _FENCE.match(line)
        if opening and (not fence or opening[1].startswith(fence)):
            fence, skipped = ("" if fence else opening[1]), True
        else:
            comment = comment or line.lstrip().startswith("<!--")
            skipped = bool(fence) or comment or _is_no_prose(line)
        comment = comment and "-->" not in line
        if found and (skipped or _ITEM.match(line)):
            yield Paragraph(first, tuple(found))
            found = []
        if not skipped:
            first = first if found else number
            found.append(line)


def _is_no_prose(line: str) -> bool:
    stripped = line.strip()
    if not stripped or _ANCHOR.match(stripped):
        return True
    return stripped.startswith(("|", "#", "![", "<", "---"))


def sentences(text: str) -> list[str]:
    """Split prose where a sentence ends."""
    found, start = [], 0
    for boundary in _BOUNDARY.finditer(text):
        before = text[start : boundary.end(1)]
        if not _ABBREVIATION.search(text[start : boundary.start()]) and before.count("`") % 2 == 0:
            found.append(before.strip())
            start = boundary.end()
    return [*found, text[start:].strip()]


def ends(line: str) -> bool:
    """Whether a line ends where a sentence, or the half before a colon, does."""
    return _END.search(line.rstrip()) is not None
