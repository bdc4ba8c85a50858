"""Code blocks of the documentation, and what the comment above each says.

=====================================  ==========================================================
``<!-- not run: why -->``               it cannot run in a test
``<!-- planned: why -->``               it takes long; ``--dry-run`` shows what it would do
``<!-- for real -->``                   it needs a trained network
``<!-- file: NAME -->``                 it is a file that other blocks use
=====================================  ==========================================================
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.docs.prose import DOCS, ROOT

Mark = Literal["", "not run", "planned", "for real", "file"]

PAGES = (
    ROOT / "README.md",
    *sorted((DOCS / "tutorial").glob("*.md")),
    *sorted((DOCS / "how-to").glob("*.md")),
    DOCS / "reference" / "records.md",
)
_BLOCK = re.compile(r"(?:<!-- ([^>]*?) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"(not run|planned|for real|file)(?:: (.+))?$")
_INLINE = re.compile(r"`(spikeseg [^`]+)`")


@dataclass(frozen=True)
class Block:
    """One block of code."""

    language: str
    text: str
    mark: Mark = ""
    about: str = ""

    @property
    def commands(self) -> list[list[str]]:
        """The words of each line, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = [shlex.split(line, comments=True) for line in lines]
        return [each for each in words if each]


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page that have a language."""
    found = []
    for comment, language, body in _BLOCK.findall(text):
        mark = _MARK.match(comment)
        kind, about = (mark[1], mark[2] or "") if mark else ("", "")
        found.append(Block(language, body, kind, about))  # type: ignore[arg-type]
    return found


def mentioned(text: str) -> list[list[str]]:
    """Return the commands inside of sentences and tables."""
    return [found.split() for found in _INLINE.findall(text)]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))
