"""The folder of a finished stage that another machine made, from MLflow."""

from __future__ import annotations

from spikeseg_core.errors import ConfigError
from tasks.folder import clear, damage, is_finished, locked, read_record
from tasks.local.addresses import without_password
from tasks.mlflow import tracking
from tasks.mlflow.store import store
from tasks.prefect.logger import run_logger
from tasks.references import StageRef


def fetch(ref: StageRef) -> None:
    """Fetch the stage's folder from MLflow if it is not on this machine, or was changed here.

    Raises
    ------
    ConfigError
        If MLflow does not have it as it was.
    """
    wrong = damage(ref.folder) if is_finished(ref.folder) else "nothing is there"
    if wrong is None:
        return
    if ref.mlflow_run_id is None:
        lost = "was changed" if is_finished(ref.folder) else "is gone"
        raise ConfigError(
            f"the folder of stage {ref.stage!r} {lost} ({ref.folder}: {wrong}) and MLflow has no "
            f"copy; run the pipeline again, which makes what is missing"
        )
    run_logger().info("fetching %s from MLflow run %s: %s", ref.stage, ref.mlflow_run_id, wrong)
    try:
        with locked(ref.folder, lambda: None):
            clear(ref.folder)
            tracking.download_stage(ref.mlflow_run_id, ref.folder)
            wrong = damage(ref.folder)
            if wrong is None and ref.sha256 not in ("", read_record(ref.folder).sha256):
                wrong = "it is another one"
            if wrong is not None:
                clear(ref.folder)
                raise ConfigError(f"its copy is not as it was: {wrong}")
    except Exception as error:
        raise ConfigError(
            f"stage {ref.stage!r} cannot be fetched from MLflow run {ref.mlflow_run_id} at "
            f"{store().name} ({without_password(str(error))}); run the pipeline again, which makes "
            f"what is missing"
        ) from error
