"""Registered models by the names that a user gives them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spikeseg_core.errors import ConfigError
from tasks.local import state
from tasks.mlflow.store import store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

RUN_ID = re.compile(r"[0-9a-f]{32}")


def run_of_model(model: str) -> str:
    """MLflow run that a registered model came from.

    Parameters
    ----------
    model : str
        As for :func:`version_of_model`; or an MLflow run id, which is returned as it is.

    Raises
    ------
    ConfigError
        If there is no such model, or it does not say which run made it.
    """
    if RUN_ID.fullmatch(model):
        return model
    version = version_of_model(model)
    if not version.run_id:
        raise ConfigError(
            f"version {version.version} of the model {version.name!r} does not say which run made "
            f"it; register it from its run, or give the id of the run"
        )
    return str(version.run_id)


def version_of_model(model: str) -> ModelVersion:
    """Version of a registered model.

    Parameters
    ----------
    model : str
        ``NAME@ALIAS``, ``NAME/VERSION`` or ``NAME`` (its newest version), with or without
        ``models:/`` before it.

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
            f"there is no registered model {model!r} in {state.tracking_uri()} (registered: "
            f"{known}); name one as NAME, NAME@ALIAS or NAME/VERSION, or give the id of a run"
        ) from error
    return version
