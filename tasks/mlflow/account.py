"""The account of a worker in MLflow's own users (``basic-auth``), which is no administrator.

``python -m tasks.mlflow.account``, with the administrator's address and password in the
environment: `docker/compose.yaml` runs it before the worker starts.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.local import state

if TYPE_CHECKING:
    from mlflow.server.auth.client import AuthServiceClient

USER = "worker"
GIVEN_IN = "SPIKESEG_WORKER_PASSWORD"
"""Variable with the worker's password."""


def make_account(administrator: AuthServiceClient, experiment: str, password: str) -> None:
    """Make the account, or give it this password, and let it do what runs do.

    It may log in the experiment (by id), which it cannot delete, and register and promote models:
    to take an alias away, MLflow asks for the right to delete.
    """
    from mlflow.exceptions import MlflowException

    try:
        administrator.get_user(USER)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        administrator.create_user(USER, password)
    else:
        administrator.update_user_password(USER, password)
    administrator.grant_user_permission(USER, "experiment", experiment, "EDIT")
    administrator.grant_user_permission(USER, "registered_model", "*", "MANAGE")


def main() -> None:
    """Make the worker's account on the environment's server.

    Raises
    ------
    ConfigError
        If the environment has no password for it.
    """
    password = os.environ.get(GIVEN_IN)
    if not password:
        raise ConfigError(f"{GIVEN_IN} is not set: it becomes the password of {USER} in MLflow")
    from mlflow.server.auth.client import AuthServiceClient

    from tasks.mlflow.store import store

    address = state.tracking_uri()
    make_account(AuthServiceClient(address), store().experiment, password)
    print(f"{USER} may log in experiment {state.experiment()!r} of {address}")


if __name__ == "__main__":
    try:
        main()
    except SpikeSegError as error:
        sys.exit(str(error))
