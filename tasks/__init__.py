"""Adapters between the core's stage functions and Prefect and MLflow.

Importing this package sets where state is kept (:mod:`tasks.local.state`), which has to happen
before Prefect and MLflow are imported.
"""

import sys

from spikeseg_core.errors import ConfigError
from tasks.local.state import activate

try:
    activate()
except ConfigError as error:
    # No command has begun that could report it.
    print(f"spikeseg: {error}", file=sys.stderr)
    raise SystemExit(2) from None
