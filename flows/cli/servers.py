"""Commands for the servers of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import OpenPage, open_page


def up(
    prefect_port: Annotated[
        int | None, typer.Option(help="Port of the Prefect server; default: 4200, or a free port.")
    ] = None,
    mlflow_port: Annotated[
        int | None, typer.Option(help="Port of the MLflow server; default: 5000, or a free port.")
    ] = None,
    worker: Annotated[
        bool, typer.Option(help="Also start a worker, which runs what the Prefect page asks for.")
    ] = True,
    open_pages: OpenPage = False,
) -> None:
    """Start Prefect, MLflow and a worker on this machine, and register the deployments.

    They run until Ctrl-C or `spikeseg down`. If they are running already, their addresses are
    printed. `spikeseg run` in another terminal uses them.
    """
    from tasks.local.servers import up as start

    start(prefect_port, mlflow_port, worker, when_ready=open_page if open_pages else None)


def status() -> None:
    """Show which servers of `spikeseg up` are running, and where."""
    from tasks.local.servers import status as say

    if not say():
        raise typer.Exit(1)


def down() -> None:
    """Stop the servers of `spikeseg up`, from another terminal or after it was killed."""
    from tasks.local.servers import down as stop

    typer.echo("stopped" if stop() else "nothing was running")
