"""`spikeseg clean`: what can go from the state folder, and how much that frees."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from spikeseg_core.errors import ConfigError
from tasks import cleaning
from tasks.local import state
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import store
from tasks.terminal import plain_console


def clean(*, delete: bool = False, everything: bool = False) -> dict[str, Any]:
    """Print what can go, delete it if asked to, and return it.

    Raises
    ------
    ConfigError
        If it cannot be known what registered models need, or a run is going on.
    """
    here, console = state.current(), plain_console()
    if cleaning.is_in_use():
        raise ConfigError(f"a run is going on in {here.home}: it must end first")
    found = cleaning.waste(registered_runs(), everything=everything)
    table = Table("can go", "size, MB", "costs", "folder")
    table.columns[1].justify = "right"
    for each in found:
        where = str(each.path.relative_to(here.home))
        table.add_row(each.what, f"{each.megabytes:.1f}", each.costs, where)
    if found:
        console.print(table)
    total = sum(each.megabytes for each in found)
    whole = cleaning.megabytes(here.home)
    if delete:
        cleaning.delete(found)
    does = "freed" if delete else "can be freed"
    console.print(f"{total:.1f} of {whole:.1f} MB {does} in {here.home}", soft_wrap=True)
    for hint in _hints(bool(found), delete, everything):
        console.print(hint, soft_wrap=True)
    return {
        "deleted": delete,
        "megabytes": total,
        "of": whole,
        "found": [{"path": str(e.path), "what": e.what, "megabytes": e.megabytes} for e in found],
    }


def _hints(found: bool, deleted: bool, everything: bool) -> list[str]:
    all_of_it = " --all" if everything else ""
    hints = [f"`spikeseg clean{all_of_it} --yes` deletes it"] if found and not deleted else []
    if not everything:
        hints.append("--all also lists what the newest runs would reuse")
    hints.append("MLflow keeps its copies: delete runs on its page, then `mlflow gc`")
    return hints


def registered_runs() -> list[str]:
    """MLflow runs behind all versions of the registered models.

    Raises
    ------
    ConfigError
        If MLflow does not answer.
    """
    here = state.current()
    if store().uri == here.mlflow_database and not (here.home / "mlflow.db").exists():
        return []
    try:
        return Reader(store()).registered_runs()
    except Exception as error:  # each kind of store has its own error
        raise ConfigError(
            f"MLflow at {store().name} does not say which models are registered "
            f"({type(error).__name__}), so nothing can be deleted"
        ) from error
