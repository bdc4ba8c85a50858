"""`spikeseg doctor`: what this machine has and lacks, with a way to fix it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError

from tasks.local import state
from tasks.local.addresses import is_http_here, without_password
from tasks.local.password import authorization, of_mlflow, of_prefect, refused
from tasks.local.posting import open_http
from tasks.provenance import PACKAGES
from tasks.terminal import plain_console

Verdict = Literal["ok", "warn", "fail"]
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
FREE_GIB = 5.0
EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=1"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    verdict: Verdict
    says: str


def examine(*, imports: bool = False) -> Iterator[Finding]:
    """Run all checks; one that raises an error is a failure.

    Those of :data:`SLOW` import TensorFlow and Nengo, and are made only with ``imports``.
    """
    for what, check in (CHECKS | SLOW if imports else CHECKS).items():
        try:
            verdict, says = check()
        except Exception as error:
            verdict, says = "fail", f"{type(error).__name__}: {error}"
        yield Finding(what, verdict, says)


def show(findings: Iterable[Finding]) -> bool:
    """Print the findings as they arrive; False if one is a failure."""
    console = plain_console()
    good = True
    for finding in findings:
        good &= finding.verdict != "fail"
        colour = COLOURS[finding.verdict]
        console.print(f"{finding.verdict:>4}", style=colour, end="")
        console.print(f"  {finding.what:<14}{finding.says}", soft_wrap=True)
    return good


def _python() -> tuple[Verdict, str]:
    version = platform.python_version()
    if version.startswith("3.11."):
        return "ok", version
    return "fail", f"{version}; this project runs on Python 3.11: make PYTHON=python3.11"


def _packages() -> tuple[Verdict, str]:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return "fail", f"missing: {', '.join(missing)}; make setup installs them"
    return "ok", ", ".join(versions)


def _stack() -> tuple[Verdict, str]:
    from spikeseg_core.stack import keras, nengo_dl, nengo_loihi, tf

    found = (tf.__version__, keras.__version__, nengo_dl.__version__, nengo_loihi.__version__)
    return "ok", "TensorFlow {}, tf-keras {}, NengoDL {}, NengoLoihi {} import".format(*found)


def _cores() -> tuple[Verdict, str]:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ("ok" if (count or 1) >= 2 else "warn"), f"{count} CPU cores"


def _state_folder() -> tuple[Verdict, str]:
    home = state.current().home
    home.mkdir(parents=True, exist_ok=True)
    probe = home / ".writable"
    probe.write_text("")
    probe.unlink()
    return "ok", f"{home} is writable"


def _disk() -> tuple[Verdict, str]:
    free = shutil.disk_usage(state.current().home).free / 2**30
    says = f"{free:.0f} GiB free"
    if free < FREE_GIB:
        return (
            "warn",
            f"{says}; keep at least {FREE_GIB:.0f} GiB for models and arrays",
        )
    return "ok", says


def _dataset() -> tuple[Verdict, str]:
    from spikeseg_core.data.sources.isbi2012 import ISBI_VARIABLE
    from spikeseg_core.storage import cache_folder

    named = os.environ.get(ISBI_VARIABLE)
    if named and Path(named).is_dir():
        return "ok", f"ISBI 2012 in {named}"
    if named:
        return "fail", f"{ISBI_VARIABLE} is {named}, which does not exist; correct it or unset it"
    if (cache_folder() / "isbi2012").is_dir():
        return "ok", f"ISBI 2012 in {cache_folder() / 'isbi2012'}"
    return "warn", (
        f"ISBI 2012 is not here; `--dataset isbi2012` downloads it, or set {ISBI_VARIABLE}. Until "
        f"then `--dataset auto` uses synthetic sections"
    )


def _server(
    name: str, variable: str, closed: str, password_of: Callable[[], str | None]
) -> Callable[[], tuple[Verdict, str]]:
    """Check a server; ``closed`` is a path that it opens only with its password."""

    def check() -> tuple[Verdict, str]:
        address, password = os.environ.get(variable, "").rstrip("/"), password_of()
        name_of = without_password(address)
        if not address.startswith("http"):
            return "ok", f"embedded ({name_of or 'sqlite in the state folder'})"
        try:
            for path, headers in (("/health", {}), (closed, authorization(password))):
                with open_http(address + path, 2, headers) as answer:
                    answer.read()
        except OSError as error:
            if isinstance(error, HTTPError) and error.code == HTTPStatus.UNAUTHORIZED:
                return "fail", refused(variable, name_of)
            return "fail", f"{name_of} does not answer ({error}); start it or unset {variable}"
        if password is None and is_http_here(address):
            return "warn", (
                f"{name} at {name_of} has no password: anybody on this machine can use it; "
                f"`spikeseg up` sets one"
            )
        return "ok", f"{name} answers at {name_of}"

    return check


def _cpu_meter() -> tuple[Verdict, str]:
    zones = sorted(Path("/sys/class/powercap").glob("intel-rapl*/energy_uj"))
    readable = [zone for zone in zones if os.access(zone, os.R_OK)]
    if readable:
        return "ok", f"RAPL is readable ({len(readable)} zones)"
    if zones:
        return "warn", "only root may read RAPL; CPU energy will be modelled"
    return "warn", "no RAPL on this machine; CPU energy will be modelled from time and power"


def _gpu_meter() -> tuple[Verdict, str]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return (
            "warn",
            "no NVIDIA GPU to measure; only published figures are shown",
        )
    return "ok", f"NVML sees {pynvml.nvmlDeviceGetCount()} GPUs"


def _loihi() -> tuple[Verdict, str]:
    if importlib.util.find_spec("nxsdk") is not None:
        return "ok", "NxSDK is installed: deploy.target=loihi is available"
    return "warn", "no NxSDK: deployment runs on the emulator"


CHECKS: dict[str, Callable[[], tuple[Verdict, str]]] = {
    "Python": _python,
    "packages": _packages,
    "cores": _cores,
    "state folder": _state_folder,
    "disk": _disk,
    "dataset": _dataset,
    "Prefect": _server("Prefect", "PREFECT_API_URL", "/version", of_prefect),
    "MLflow": _server("MLflow", "MLFLOW_TRACKING_URI", EXPERIMENTS, of_mlflow),
    "CPU meter": _cpu_meter,
    "GPU meter": _gpu_meter,
    "Loihi": _loihi,
}
SLOW: dict[str, Callable[[], tuple[Verdict, str]]] = {"stack": _stack}
