"""Adapters between the core's stage functions and Prefect and MLflow.

Importing this package sets where state is kept (:mod:`tasks.local.state`), which has to happen
before Prefect and MLflow are imported.
"""

from tasks.local.state import activate

activate()
