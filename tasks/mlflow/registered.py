"""Registered models by name, alias or version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spikeseg_core.errors import ConfigError
from tasks.mlflow.store import store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

RUN_ID = re.compile(r"[0-9a-f]{32}")


def run_of_model(model: str) -> str:
    """Return the MLflow run of a registered model; a run id is returned as it is.

    Raises
    ------
    ConfigError
        If there is no such model, or it does not name the run that made it.
    """
    if RUN_ID.fullmatch(model):
        return model
    version = version_of_model(model)
    if not version.run_id:
        raise ConfigError(
            f"version {version.version} of the model {version.name!r} does not name the run that "
            f"made it; register it from its run, or give the id of the run"
        )
    return str(version.run_id)


def version_of_model(model: str) -> ModelVersion:
    """Find a registered model: ``NAME@ALIAS``, ``NAME/VERSION`` or ``NAME`` (the newest).

    A prefix ``models:/`` is allowed.

    Raises
    ------
    ConfigError
        If there is no such model.
    """
    name = model.removeprefix("models:/")
    client = store().client
    try:
        if "@" in name:
            version = client.get_model_version_by_alias(*name.rsplit("@", 1))
        elif "/" in name:
            version = client.get_model_version(*name.rsplit("/", 1))
        else:
            versions = client.search_model_versions(f"name = '{name}'")
            version = max(versions, key=lambda each: int(each.version))
    except Exception as error:
        known = ", ".join(sorted(each.name for each in client.search_registered_models())) or "none"
        raise ConfigError(
            f"there is no registered model {model!r} in {store().name} (registered: {known}); "
            f"name one as NAME, NAME@ALIAS or NAME/VERSION, or give the id of a run"
        ) from error
    return version
