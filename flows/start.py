"""Start the pipeline in this process; ``python -m flows.start`` reads its settings as JSON."""

from __future__ import annotations

import sys
from typing import Any

from httpx import HTTPError

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import changes
from tasks.mlflow.store import store
from tasks.prefect.bootstrap import NoPrefectError, set_up_for_prefect
from tasks.terminal import console


def run_pipeline(config: PipelineConfig) -> dict[str, Any]:
    """Run the flow ``pipeline``, on a temporary Prefect server unless one is named.

    If Prefect cannot start or stops answering, the same function runs without it, reusing the
    finished stages. MLflow gets everything either way.
    """
    try:
        set_up_for_prefect(meanwhile=_import_what_it_needs)
        from flows.pipeline import pipeline

        return pipeline(config=changes(config))
    except (NoPrefectError, HTTPError) as error:
        console().print(
            f"continuing without Prefect, whose page will not show this run: {error}",
            soft_wrap=True,
        )
    from flows.pipeline import pipeline

    return pipeline.fn(config=changes(config))


def _import_what_it_needs() -> None:
    import flows.pipeline  # noqa: F401

    store().attempt("open", lambda: store().experiment)


if __name__ == "__main__":
    run_pipeline(PipelineConfig.model_validate_json(sys.stdin.read()))
