"""The folder of a finished stage that another machine made, from MLflow."""

from __future__ import annotations

from spikeseg_core.errors import ConfigError
from tasks.folder import is_finished
from tasks.local import state
from tasks.mlflow import tracking
from tasks.prefect.logger import run_logger
from tasks.references import StageRef


def fetch(ref: StageRef) -> None:
    """Fetch the stage's folder from MLflow if it is not on this machine; may be a ConfigError."""
    if is_finished(ref.folder):
        return
    if ref.mlflow_run_id is None:
        raise ConfigError(
            f"the folder of stage {ref.stage!r} is gone ({ref.folder}) and MLflow has no copy; "
            f"run the pipeline again, which makes what is missing"
        )
    run_logger().info("fetching %s from MLflow run %s", ref.stage, ref.mlflow_run_id)
    try:
        tracking.download_stage(ref.mlflow_run_id, ref.folder)
    except Exception as error:
        raise ConfigError(
            f"stage {ref.stage!r} cannot be fetched from MLflow run {ref.mlflow_run_id} at "
            f"{state.tracking_uri()} ({error}); run the pipeline again, which makes what is missing"
        ) from error
