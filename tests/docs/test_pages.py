"""The pages, followed as a reader does: every block in its order, in one folder.

Commands run as they are written; only settings that make trainings and sections small are added.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.docs.prose import DOCS, ROOT
from tests.docs.snippets import PAGES, Block, blocks, name

pytestmark = [pytest.mark.pages, pytest.mark.timeout(1200)]

# A page may use the runs of those before it.
FIRST = [DOCS / "tutorial" / "first.md", ROOT / "README.md", DOCS / "tutorial" / "own-sections.md"]
IN_ORDER = [*FIRST, *(page for page in PAGES if page not in FIRST)]

SPIKESEG = '''#!{python}
"""The command, with settings that make it small where the page gives none."""
import sys

from flows.cli import main

SMALL = {{
    "dataset.tiles_per_axis": 2,
    "train.epochs": 1,
    "train.steps_per_epoch": 1,
    "tune.epochs": 1,
    "tune.steps_per_epoch": 1,
    "tune.spiking_epochs": 1,
    "presentation.steps": 20,
    "benchmark.repeats": 1,
}}
SYNTHETIC = {{
    "dataset.synthetic_size": 256,
    "dataset.train_sections": 2,
    "dataset.validation_sections": 1,
    "dataset.test_sections": 1,
}}
words = sys.argv[1:]
given = {{word.partition("=")[0] for word in words}}
if words[0] in ("run", "sweep") and "--dry-run" not in words:
    if "my-sections" not in words:
        SMALL |= SYNTHETIC
    if words[0] == "sweep":
        words += ["--seed", "0"]
        given |= {{"train.epochs", "tune.epochs", "tune.spiking_epochs"}}
    for setting, value in SMALL.items():
        words += [] if setting in given else ["--set", f"{{setting}}={{value}}"]
sys.argv[1:] = words
main()
'''


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who reads all pages with one state folder."""
    programs = tmp_path_factory.mktemp("bin")
    spikeseg = programs / "spikeseg"
    spikeseg.write_text(SPIKESEG.format(python=sys.executable))
    spikeseg.chmod(spikeseg.stat().st_mode | stat.S_IXUSR)
    path = [programs, Path(sys.executable).parent, os.environ["PATH"]]
    return {
        **{k: v for k, v in os.environ.items() if k != "SPIKESEG_ISBI2012_DIR"},
        "SPIKESEG_HOME": str(tmp_path_factory.mktemp("reader") / "state"),
        "PATH": os.pathsep.join(map(str, path)),
        "PYTHONPATH": str(ROOT),
    }


def newest_runs(home: Path) -> list[str]:
    """MLflow ids of the pipelines, newest first."""
    found = sorted(home.glob("runs/*/summary.json"), reverse=True)
    return [json.loads(path.read_text())["mlflow"]["run_id"] for path in found]


def script(part: list[Block], home: Path) -> list[str]:
    """The command that runs blocks of one language and mark."""
    text = "\n".join(block.text for block in part)
    if part[0].language == "python":
        return [sys.executable, "-c", text]
    if part[0].mark == "planned":
        commands = [words for block in part for words in block.commands]
        plans = [words if "--dry-run" in words else [*words, "--dry-run"] for words in commands]
        text = "\n".join(" ".join(words) for words in plans)
    for run in newest_runs(home):
        text = text.replace("RUN_ID", run, 1)
    return ["bash", "-euo", "pipefail", "-c", text]


@pytest.mark.parametrize("notebook", sorted(DOCS.rglob("*.ipynb")), ids=name)
def test_the_notebook_runs(
    notebook: Path, reader: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SPIKESEG_HOME", "PATH", "PYTHONPATH"):
        monkeypatch.setenv(variable, reader[variable])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cells = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(cells, timeout=900, resources=where).execute()


@pytest.mark.parametrize("page", IN_ORDER, ids=name)
def test_what_the_page_says_works(page: Path, reader: dict[str, str], tmp_path: Path) -> None:
    shown = blocks(page.read_text())
    for block in shown:
        if block.mark == "file":
            (tmp_path / block.about).write_text(block.text)
    to_run = [b for b in shown if b.language in ("bash", "python") and b.mark != "not run"]
    for _, part in groupby(to_run, key=lambda block: (block.language, block.mark)):
        command = script(list(part), Path(reader["SPIKESEG_HOME"]))
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=reader,
            text=True,
            timeout=1000,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
