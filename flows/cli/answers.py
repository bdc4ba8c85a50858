"""Commands that answer a question within seconds: nothing is started, nothing heavy imported."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonFile, open_page, write_result


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="MLflow run ids (or their beginnings) or names; default: the newest pipelines.",
        ),
    ] = None,
    last: Annotated[
        int, typer.Option(min=2, help="How many of the newest runs, if none are named.")
    ] = 2,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all results, not only the main ones.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of two `sweep energy-claims`: draw what each saving takes off."
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Compare runs: settings, data, code and results."""
    from tasks.compare import compare as side_by_side

    write_result(json, side_by_side(runs or [], last, everything, picture))


def doctor(
    imports: Annotated[
        bool,
        typer.Option("--imports", help="Also import TensorFlow and Nengo, which takes a while."),
    ] = False,
) -> None:
    """Check this machine (versions, data, disk, servers, power meters) and suggest fixes."""
    from tasks.local.doctor import examine, show

    if not show(examine(imports=imports)):
        raise typer.Exit(1)


def settings(
    search: Annotated[
        list[str] | None,
        typer.Argument(help="Words that must all occur in name, title or description."),
    ] = None,
    json: JsonFile = None,
) -> None:
    """List and search the settings: type, range, value in each preset, and what they do.

    --set NAME=VALUE of the other commands takes these names.
    """
    from tasks.show_settings import show_settings

    write_result(json, show_settings(search or []))


class RunsAction(StrEnum):
    """What `spikeseg runs` can do."""

    list = "list"
    show = "show"
    open = "open"


def runs(
    action: Annotated[RunsAction, typer.Argument(help="What to do.")] = RunsAction.list,
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]",
            help="Name or MLflow id of a run in the list, or the beginning of either; "
            "default: the newest.",
        ),
    ] = "",
    json: JsonFile = None,
) -> None:
    """List the runs of this state folder, show one's results again, or open its report."""
    from tasks.local import runs as recorded

    if action is RunsAction.list:
        write_result(json, recorded.show_list())
        return
    found = recorded.find(run)
    write_result(json, found.plain())
    if action is RunsAction.open:
        open_page(found.page)
    else:
        recorded.show_run(found)


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Delete what is listed.")] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also what the newest runs would reuse, and the dataset's downloads."
        ),
    ] = False,
    json: JsonFile = None,
) -> None:
    """Show what can be deleted from the state folder and how much that frees.

    Nothing is deleted without --yes. What a registered model needs is kept, and so is everything
    while a run is going on. Reports and MLflow's records stay.
    """
    from tasks.local.clean import clean as tidy

    write_result(json, tidy(delete=yes, everything=everything))
