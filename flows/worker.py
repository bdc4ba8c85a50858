"""A worker for servers that run elsewhere: register all deployments, then run what is requested.

The servers are those of ``PREFECT_API_URL`` and ``MLFLOW_TRACKING_URI``. Further arguments go to
``prefect worker start``, as in ``python -m flows.worker --with-healthcheck``.
"""

from __future__ import annotations

import os
import sys

from tasks.local.registration import POOL, register


def main() -> None:
    """Register, and become the worker."""
    register({})
    words = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    os.execv(sys.executable, [sys.executable, *words, *sys.argv[1:]])


if __name__ == "__main__":
    main()
