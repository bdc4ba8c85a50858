"""The provenance of a run: code, packages, data, and its run in Prefect."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import spikeseg_core
from tasks.folder import find, read_record

PACKAGES = (
    *("mlflow", "nengo", "nengo-dl", "nengo-loihi", "numba", "numpy", "prefect", "tensorflow"),
    "tf-keras",
)


@cache
def environment() -> dict[str, str]:
    """Versions of Python, the machine and the packages that results depend on."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


@cache
def code_tags() -> dict[str, str]:
    """Version of this package, and commit of the checkout or image that it runs from."""
    tags = {"spikeseg.version": spikeseg_core.__version__}
    if commit := os.environ.get("SPIKESEG_COMMIT"):  # set in a container image, which has no git
        return tags | {"git.commit": commit, "mlflow.source.git.commit": commit}
    root = Path(spikeseg_core.__file__).parents[1]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        tags["git.commit"] = tags["mlflow.source.git.commit"] = git("rev-parse", "HEAD")
        tags["git.dirty"] = str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower()
    except (OSError, subprocess.SubprocessError):
        tags["git.commit"] = "unknown"
    return tags


def prefect_tags() -> dict[str, str]:
    """Id and page of Prefect's flow run, if there is one."""
    from prefect.runtime import flow_run

    found = {"prefect.flow_run_id": flow_run.id, "prefect.flow_run_url": flow_run.ui_url}
    # A temporary server has no page, and Prefect's address then starts with "None".
    return {n: str(v) for n, v in found.items() if v and not str(v).startswith("None")}


def dataset_facts(inputs: Mapping[str, str]) -> dict[str, Any]:
    """Facts of a stage's dataset, found by the keys of its inputs.

    ``name`` and ``location`` say for people which sections they are and where they come from.
    """
    folder = find("prepare", inputs["prepare"]) if "prepare" in inputs else None
    if folder is None:
        return {}
    from spikeseg_core.data.sources.isbi2012 import ISBI_URL

    record = read_record(folder)
    facts = dict(record.outcome.facts)
    settings = record.settings.get("dataset", {})
    source, path = str(facts.get("source", "unknown")), Path(settings.get("path") or "")
    name, location = {
        "isbi2012": ("ISBI 2012", ISBI_URL),
        "folder": (path.name or source, str(path)),
        "synthetic": ("synthetic", f"generated, seed {settings.get('synthetic_seed', 0)}"),
    }.get(source, (source, source))
    return {**facts, "name": name, "location": location}


def dataset_label(facts: Mapping[str, Any]) -> str:
    """Name of the sections as part of a run's name: ``isbi2012``, ``synthetic``, ``my-folder``."""
    source = str(facts.get("source", "unknown"))
    name = str(facts.get("name", source)) if source == "folder" else source
    return re.sub(r"[^a-z0-9]+", "-", Path(name).stem.lower()).strip("-") or source


def is_synthetic(facts: Mapping[str, Any]) -> bool:
    """Whether a prepared dataset is synthetic, by its facts."""
    return bool(facts.get("synthetic"))


def dataset_tags(facts: Mapping[str, Any]) -> dict[str, str]:
    """Tags of the data: source, digest, and whether they are synthetic."""
    if not facts:
        return {}
    return {
        "dataset.source": str(facts.get("source", "unknown")),
        "dataset.sha256": str(facts.get("sha256", "unknown")),
        "synthetic": str(is_synthetic(facts)).lower(),
    }
