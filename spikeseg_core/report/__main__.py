"""``python -m spikeseg_core.report STAGES``: the research report from stage folders, no servers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from spikeseg_core.config.presets import PRESETS
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.report.folders import FolderRecords
from spikeseg_core.report.render import html, markdown
from spikeseg_core.report.research import build
from spikeseg_core.storage import write_text


def main(words: Sequence[str] | None = None) -> int:
    """Write ``research.html`` and ``research.md``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m spikeseg_core.report", description=__doc__)
    parser.add_argument("stages", type=Path, help="folder of the finished stages' folders")
    parser.add_argument("--preset", default="paper", choices=list(PRESETS))
    parser.add_argument("--sweep", type=Path, action="append", default=[], help="finished sweep")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the report")
    given = parser.parse_args(words)
    try:
        report, _ = build(FolderRecords(given.stages, given.sweep), given.preset)
    except SpikeSegError as error:
        print(f"spikeseg_core.report: {error}", file=sys.stderr)
        return 2
    write_text(given.out / "research.html", html(report))
    write_text(given.out / "research.md", markdown(report))
    print(given.out / "research.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
