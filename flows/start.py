"""Start the pipeline in this process; ``python -m flows.start`` reads its settings as JSON."""

from __future__ import annotations

import sys
from typing import Any

from httpx import HTTPError

from spikeseg_core.config import PipelineConfig
from tasks.mlflow.store import store
from tasks.prefect.bootstrap import NoPrefectError, set_up_for_prefect
from tasks.terminal import console


def run_pipeline(config: PipelineConfig) -> dict[str, Any]:
    """Run the flow ``pipeline``, on a temporary Prefect server where none is named.

    Where Prefect cannot start, or goes away, the same function runs without it. Finished stages
    are used again, and MLflow has all of it.
    """
    try:
        set_up_for_prefect(meanwhile=_import_what_it_needs)
        from flows.pipeline import pipeline

        return pipeline(config)
    except (NoPrefectError, HTTPError) as error:
        console().print(
            f"going on without Prefect, whose page will not show this run: {error}",
            markup=False,
            soft_wrap=True,
        )
    return pipeline_without_prefect(config)


def pipeline_without_prefect(config: PipelineConfig) -> dict[str, Any]:
    """Call the function that the flow ``pipeline`` is made of."""
    from flows.pipeline import pipeline

    return pipeline.fn(config)


def _import_what_it_needs() -> None:
    import flows.pipeline  # noqa: F401

    store().attempt("be opened", lambda: store().experiment)


if __name__ == "__main__":
    run_pipeline(PipelineConfig.model_validate_json(sys.stdin.read()))
