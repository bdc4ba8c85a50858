"""Addresses of MLflow's pages, the only place that knows their form."""

from __future__ import annotations

import os

PAGE_VARIABLE = "SPIKESEG_MLFLOW_PAGE"
"""Environment variable with the server's address in a browser; in a container it has another."""

VIEW = "?workflowType=machine_learning"
"""Has MLflow 3 open its view of training runs. Its pages read the query after the ``#``; without
one they open the view of language models, or the one last used."""


def server(tracking_uri: str) -> str | None:
    """Return the server's address in a browser; None if the store has no server."""
    if not tracking_uri.startswith("http"):
        return None
    return (os.environ.get(PAGE_VARIABLE) or tracking_uri).rstrip("/")


def run_page(tracking_uri: str, experiment: str, run_id: str, tab: str = "") -> str | None:
    """Return the address of a run's page; None if the store has no server.

    Parameters
    ----------
    tracking_uri : str
        The store.
    experiment : str
        Id of the run's experiment.
    run_id : str
    tab : str
        Which tab of the page, such as ``artifacts``; empty: the overview.
    """
    base = server(tracking_uri)
    if base is None:
        return None
    path = "/".join(part for part in (run_id, tab) if part)
    return f"{base}/#/experiments/{experiment}/runs/{path}{VIEW}"


def run_link(tracking_uri: str, experiment: str, run_id: str) -> str:
    """Link a run's page in Markdown; without a server, say where the run is."""
    page = run_page(tracking_uri, experiment, run_id)
    return f"[{run_id}]({page})" if page else f"`{run_id}` in `{tracking_uri}`"
