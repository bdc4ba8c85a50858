"""The tutorials, followed for real in a terminal, with tiny settings; and the site, built clean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.prose import DOCS, ROOT
from tests.docs.snippets import Block, blocks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TINY = {
    **{"train.epochs": 1, "train.steps_per_epoch": 1, "train.batch_size": 1},
    **{"tune.epochs": 1, "tune.spiking_epochs": 1, "tune.steps_per_epoch": 1, "tune.batch_size": 1},
    **{"tune.spiking_steps": "[20]", "presentation.steps": 20, "benchmark.repeats": 1},
    **{"deploy.presentation_steps": "[20]", "deploy.readout_windows": "[]"},
    **{"deploy.tiles_per_axis": "[]", "deploy.early_exit": "[]", "dataset.tiles_per_axis": 1},
}
SYNTHETIC = {
    **{"dataset.synthetic_size": 192, "dataset.train_sections": 1},
    **{"dataset.validation_sections": 1, "dataset.test_sections": 1},
}


def tiny(words: list[str]) -> list[str]:
    """Add the settings that make a run tiny, in place of those of the page."""
    settings = TINY | (SYNTHETIC if "synthetic" in words else {})
    kept: list[str] = []
    for word in words:
        if word.partition("=")[0] in settings:
            kept.pop()  # its --set
        else:
            kept.append(word)
    return [*kept, *(word for name in settings for word in ("--set", f"{name}={settings[name]}"))]


def test_settings_of_the_page_give_way() -> None:
    words = tiny(["run", "--dataset", "x", "--set", "train.epochs=15"])
    assert words[:3] == ["run", "--dataset", "x"]
    assert words.count("train.epochs=1") == 1
    assert "train.epochs=15" not in words


class Terminal:
    """A terminal in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k != "SPIKESEG_ISBI2012_DIR"} | {
            "SPIKESEG_HOME": str(folder / "state"),
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *arguments: str) -> str:
        """Run Python; returns what it printed."""
        found = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert found.returncode == 0, found.stdout
        return found.stdout

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.language == "python":
            self.run("-c", block.text)
        elif block.mark == "for real":
            for _, *words in block.commands:
                small = tiny(words) if words[0] == "run" else words
                self.run("-c", "from flows.cli import main; main()", *small)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(tmp_path_factory.mktemp("reader"))


@pytest.mark.parametrize(
    "page", ["docs/tutorial/first.md", "README.md", "docs/tutorial/own-sections.md"]
)
def test_a_page_followed_for_real(page: str, terminal: Terminal) -> None:
    for block in blocks((ROOT / page).read_text()):
        if block.mark == "for real" or (block.language == "python" and not block.mark):
            terminal.follow(block)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    site = tmp_path / "site"
    words = ["-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(site)]
    printed = Terminal(tmp_path).run(*words)
    assert "WARNING" not in printed
    for page in ("index.html", "reference/generated/settings.html"):
        text = (site / page).read_text()
        assert 'src="http' not in text
        assert 'stylesheet" href="http' not in text
