"""Write the pages of the reference that follow from the code, before Sphinx reads them.

Commands come from the command line, settings from their classes, artefacts from the table of the
stages, and the Python API from docstrings. None of these pages is kept in the repository.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

import spikeseg_core
from flows.cli import app
from spikeseg_core.config.listing import settings
from spikeseg_core.config.presets import PRESETS
from spikeseg_core.stages.artifacts import ARTIFACTS
from spikeseg_core.stages.table import STAGES

CORE = Path(spikeseg_core.__file__).parent
NOT_API = ("testing/cases", "report/questions", "bench", "stages/table.py")
"""Rooms and modules whose functions nobody outside calls."""
SINGLE = "single modules"


def write_all(folder: Path) -> None:
    """Write every generated page into the folder, and touch none that is the same."""
    pages = {"commands.md": commands(), "settings.md": settings_page(), "artefacts.md": artefacts()}
    pages |= {f"api/{name}.md": text for name, text in api()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def commands() -> str:
    """Every command with its arguments, options and examples."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="spikeseg")
    text = re.sub(r"\[bold\](.*?)\[/\]", r"`\1`", html.unescape(text))
    return text.replace("\\[", "[").replace("# `spikeseg`\n", "# Commands\n", 1)


def settings_page() -> str:
    """Every setting, in the order of the stages."""
    parts = [
        "# Settings",
        "`--set NAME=VALUE` changes a setting, `spikeseg settings WORD` searches them.",
    ]
    for section, found in groupby(settings(), lambda each: each.name.partition(".")[0]):
        rows = [
            (
                f"`{each.name}`",
                f"{each.title}: {each.description}",
                ", ".join(filter(None, (each.kind, each.limits))),
                *(f"`{each.values[preset]}`" for preset in PRESETS),
            )
            for each in found
        ]
        parts += [f"## {section}", table(("name", "meaning", "type and range", *PRESETS), rows)]
    return "\n\n".join(parts) + "\n"


def artefacts() -> str:
    """Every file that a stage leaves in its folder."""
    parts = [
        "# Artefacts",
        "What each stage leaves in `.spikeseg/stages/`, and for whom.",
    ]
    for stage in STAGES.values():
        rows = [
            (f"`{each.name}`", each.kind, each.meaning, ", ".join(each.readers) or "people")
            for each in ARTIFACTS
            if each.writer == stage.name
        ]
        parts += [f"## {stage.name}", table(("file", "type", "holds", "read by"), rows)]
    return "\n\n".join(parts) + "\n"


def api() -> Iterable[tuple[str, str]]:
    """One page per room of the core, with the docstrings of its public names."""
    modules = [path.relative_to(CORE) for path in CORE.rglob("*.py") if path.name[0] != "_"]
    modules = sorted((path for path in modules if not _left_out(path)), key=_room_and_name)
    names = []
    for room, found in groupby(modules, lambda path: str(path.parent)):
        name = SINGLE if room == "." else room
        title = "`spikeseg_core`" if room == "." else f"`spikeseg_core.{room.replace('/', '.')}`"
        body = "\n\n".join(map(_module, found))
        names.append(name.replace("/", ".").replace(" ", "-"))
        yield names[-1], f"# {title}\n\n{body}\n"
    toctree = "\n".join(names)
    yield "index", f"# Python API\n\n```{{toctree}}\n:maxdepth: 1\n\n{toctree}\n```\n"


def _room_and_name(path: Path) -> tuple[str, str]:
    return str(path.parent), path.name


def _left_out(path: Path) -> bool:
    return any(str(path).startswith(name) for name in NOT_API)


def _module(path: Path) -> str:
    name = f"spikeseg_core.{str(path.with_suffix('')).replace('/', '.')}"
    return f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(heads), ["---"] * len(heads), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
