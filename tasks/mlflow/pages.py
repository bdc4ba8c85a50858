"""Addresses of MLflow's pages; no other module builds them."""

from __future__ import annotations

import os

from tasks.mlflow.experiment import VIEW as HEADLINE
from tasks.mlflow.experiment import number_of

PAGE_VARIABLE = "SPIKESEG_MLFLOW_PAGE"
"""Environment variable with the server's address for a browser, if a container has another."""

VIEW = "?workflowType=machine_learning"
"""Makes MLflow 3 open its view of training runs instead of that of language models, or of the last
one used. The query goes after the ``#``."""


EMBEDDED = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` shows the embedded store."""


def runs_page(server: str, experiment: str, password: str | None = None) -> str:
    """Return the address of the table of pipelines in the experiment of that name.

    Of all experiments if the server does not answer. ``password`` is its ``user:password``, if it
    has one.
    """
    base = (os.environ.get(PAGE_VARIABLE) or server).rstrip("/")
    number = number_of(server, experiment, password)
    if number is None:
        return f"{base}/#/experiments{VIEW}"
    return f"{base}/#/experiments/{number}/runs{VIEW}&viewStateShareKey={HEADLINE}"


def run_page(tracking_uri: str, experiment: str, run_id: str, tab: str = "") -> str | None:
    """Return the address of a run's page; None if the store has no server.

    ``experiment`` is an id; ``tab`` a tab of the page, such as ``artifacts``.
    """
    if not tracking_uri.startswith("http"):
        return None
    base = (os.environ.get(PAGE_VARIABLE) or tracking_uri).rstrip("/")
    path = "/".join(part for part in (run_id, tab) if part)
    return f"{base}/#/experiments/{experiment}/runs/{path}{VIEW}"


def run_link(tracking_uri: str, experiment: str, run_id: str) -> str:
    """Link to a run's page in Markdown; without a server, its id and store."""
    page = run_page(tracking_uri, experiment, run_id)
    return f"[{run_id}]({page})" if page else f"`{run_id}` in `{tracking_uri}`"
