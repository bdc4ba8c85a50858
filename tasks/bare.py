"""The eight stages without Prefect and MLflow, to measure the cost of orchestration.

``python -m tasks.bare FOLDER`` reads the configuration as JSON from standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.stages import table as registry
from tasks.terminal import TerminalReporter


def run_bare(config: PipelineConfig, folder: Path) -> None:
    """Run all stages, one after the other, into folders named after them."""
    for one in registry.STAGES.values():
        own = folder / one.name
        own.mkdir(parents=True)
        inputs = {name: folder / name for name in one.upstream}
        registry.function(one)(config, inputs, own, TerminalReporter(one.title))


if __name__ == "__main__":
    run_bare(PipelineConfig.model_validate_json(sys.stdin.read()), Path(sys.argv[1]))
