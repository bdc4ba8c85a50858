"""The servers' own databases in the state folder, looked at before a server opens them.

A server that meets a database of another version ends with hundreds of lines, or starts over and
over. Nothing heavy is imported: the revisions are read from the packages' files.
"""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from spikeseg_core.errors import ConfigError
from tasks.local import state

PREFECT_REVISIONS = "server/database/_migrations/versions/sqlite"
MLFLOW_REVISIONS = "store/db_migrations/versions"
_REVISION = re.compile(r"""^(down_)?revision(?:: [^=]+)? = ["'](\w+)["']""", re.MULTILINE)


def check_databases(*, prefect: bool = True) -> None:
    """Raise a ConfigError if a server could not use its database, and say what to do.

    Databases elsewhere are not looked at, and Prefect's only with ``prefect``.
    """
    own = not any("DATABASE" in name for name in os.environ if name.startswith("PREFECT"))
    home = Path(os.environ.get("PREFECT_HOME") or state.current().home / "prefect")
    if prefect and (own or "?" in str(home)):
        check_prefect(home / "prefect.db")
    if state.tracking_uri() == state.current().mlflow_database:
        check_mlflow(state.current().home / "mlflow.db")


def check_prefect(file: Path) -> None:
    """Raise as :func:`check_databases` if Prefect cannot bring this database up to date."""
    found = _revision(file, "Prefect")
    known = {revision for _, revision in _revisions("prefect", PREFECT_REVISIONS)}
    if found is None or not known or found in known:
        return  # older ones are brought up to date at the start
    raise ConfigError(
        f"Prefect's database {file} is of another version (revision {found}), which Prefect "
        f"{metadata.version('prefect')} does not know. Use the version that wrote it, or "
        f"{_move_away(file)}"
    )


def check_mlflow(file: Path) -> None:
    """Raise as :func:`check_databases` if this database is not of MLflow's version."""
    found = _revision(file, "MLflow")
    revisions = list(_revisions("mlflow", MLFLOW_REVISIONS))
    known = {revision for down, revision in revisions if not down}
    newest = known - {revision for down, revision in revisions if down}
    if found is None or not newest or found in newest:
        return
    version = metadata.version("mlflow")
    if found in known:
        address = shlex.quote(state.sqlite_address(file))
        raise ConfigError(
            f"MLflow's database {file} is of an older version (revision {found}). Keep a copy of "
            f"it, then run `mlflow db upgrade {address}`"
        )
    raise ConfigError(
        f"MLflow's database {file} is of another version (revision {found}), which MLflow {version}"
        f" does not know. Use the version that wrote it, or {_move_away(file)}"
    )


def _move_away(file: Path) -> str:
    old = shlex.quote(str(file))
    return f"move it away, which forgets its runs but no finished stage: mv {old} {old}.old"


def _revision(file: Path, server: str) -> str | None:
    """Revision of the database; None if it is new, empty or in use."""
    if not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:  # it is locked, or has no tables yet
        return None
    except sqlite3.DatabaseError as error:
        raise ConfigError(
            f"{server}'s database {file} is damaged ({error}); {_move_away(file)}"
        ) from error
    return str(row[0]) if row else None


def _revisions(package: str, folder: str) -> Iterator[tuple[bool, str]]:
    """Revisions that a package knows, each with whether another one follows it."""
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for file in (Path(root) / folder).glob("*.py"):
            for down, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
                yield bool(down), revision
