"""Names of flow runs: what a user typed stays, what Prefect invents says what the run does."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

_STARS = re.compile(
    "(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho"
    r"|sigma|tau|upsilon|phi|chi|psi|omega)\d*-[a-z-]+"
)
"""Names that Prefect's page fills in, such as ``theta2-bootis``."""


def invented(name: str) -> bool:
    """Whether Prefect made the name up: two words of its own, or a star on its page."""
    words = name.split("-")
    return bool(_STARS.fullmatch(name)) or (len(words) == 2 and _words().issuperset(words))


@cache
def _words() -> frozenset[str]:
    """Words that Prefect's server makes names of."""
    lists = (file for file in resources.files("coolname.data").iterdir() if ".txt" in file.name)
    return frozenset(word for file in lists for word in file.read_text("utf-8").split())


def named(default: Callable[[], str]) -> Callable[[], str]:
    """Return a function for ``flow_run_name``: the user's name of the run, or else the default."""
    return lambda: given_name() or default()


def given_name() -> str | None:
    """Name that the running flow was given by its user, if any."""
    name = flow_run.name
    return None if name is None or invented(name) else str(name)


def rename(name: str) -> None:
    """Give the running flow another name, if Prefect runs it."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    with get_client(sync_client=True) as client:
        client.set_flow_run_name(context.flow_run.id, name)
    context.flow_run.name = name
