"""Start the pipeline in this process; ``python -m flows.start`` reads its settings as JSON."""

from __future__ import annotations

import sys
from typing import Any

from spikeseg_core.config import PipelineConfig
from tasks.mlflow.store import store
from tasks.terminal import set_up_for_prefect


def run_pipeline(config: PipelineConfig) -> dict[str, Any]:
    """Run the flow ``pipeline``, on a temporary Prefect server where none is named."""
    set_up_for_prefect(meanwhile=_import_what_it_needs)
    from flows.pipeline import pipeline

    return pipeline(config)


def _import_what_it_needs() -> None:
    import flows.pipeline  # noqa: F401

    store().attempt("be opened", lambda: store().experiment)


if __name__ == "__main__":
    run_pipeline(PipelineConfig.model_validate_json(sys.stdin.read()))
