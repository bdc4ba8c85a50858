# ruff: noqa: B008 - the settings are frozen, and Prefect reads its form from the defaults.
"""Make a registered model champion: by the rule, or by hand with a reason."""

from __future__ import annotations

from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from spikeseg_core.config import PromotionConfig
from spikeseg_core.config.overrides import shown
from tasks.mlflow import champion
from tasks.prefect.names import named


@flow(name="promote", flow_run_name=named(lambda: f"promote {flow_run.parameters['model']}"))
def promote(
    model: Annotated[
        str,
        shown(
            "Model",
            "registered model (NAME@ALIAS, NAME/VERSION, NAME) or MLflow run id of a deployment or "
            "pipeline",
        ),
    ],
    why: Annotated[
        str | None,
        shown("Reason", "for making it champion by hand; if empty, the rule decides"),
    ] = None,
    by: Annotated[str | None, shown("Decided by", "if empty, the worker's user")] = None,
    rule: PromotionConfig = PromotionConfig(),
) -> dict[str, Any]:
    """Compare a deployed network with the champion again, or make it champion by hand."""
    standing = champion.promote(model, why, by, rule)
    create_markdown_artifact(f"**{standing.title}**\n\n{standing.decision.reason}", key="promotion")
    return standing.plain()
