"""Every command and snippet of README, tutorials and how-to guides does what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from flows import cli, single, start, sweep
from tests.docs.prose import pages
from tests.docs.snippets import PAGES, Block, blocks, mentioned, name
from tests.fakes import FakeStages

STUDY = "cross-validation"


def options_of(command: str) -> set[str]:
    """All names of a command's options."""
    found = typer.main.get_command(cli.app).commands[command]  # type: ignore[attr-defined]
    names = {each for parameter in found.params for each in parameter.opts}
    return {each for each in names if each.startswith("-")} | {"-h", "--help"}


def check(words: list[str]) -> None:
    """A command exists, and so do its options."""
    _, command, *rest = [*words, ""]
    if command.startswith("-") or not command:
        assert command in ("-h", "--version", "--install-completion", ""), command
        return
    known = options_of(command)
    for word in rest:
        option = word.partition("=")[0]
        assert not word.startswith("-") or option in known, f"{' '.join(words)}: no {option}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_commands_and_options_exist(page: Path) -> None:
    text = page.read_text()
    for words in mentioned(text):
        check(words)
    for block in blocks(text):
        if block.language == "bash":
            for words in block.commands:
                if words[0] == "spikeseg":
                    check(words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_says_why(page: Path) -> None:
    text = page.read_text()
    assert "```\n" not in re.sub(r"^```\w+\n.*?^```$", "", text, flags=re.M | re.S), "no language"
    for block in blocks(text):
        assert block.mark not in ("not run", "planned", "file") or len(block.about) > 5, block.text


class Reader:
    """Somebody who does what a page says, in a folder with a finished run."""

    def __init__(self, first: dict[str, Any], folder: Path) -> None:
        self.run_id = first["mlflow"]["run_id"]
        self.folder = folder
        self.names: dict[str, Any] = {}

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.mark == "file":
            (self.folder / block.about).write_text(block.text)
        elif block.language == "python":
            exec(compile(block.text, "snippet", "exec"), self.names)
        elif block.language == "bash":
            for words in block.commands:
                assert words[0] == "spikeseg", f"{words}: say why it is not run"
                self.call([*words[1:], *(["--dry-run"] if block.mark == "planned" else [])])

    def call(self, words: list[str]) -> None:
        studies = iter(self.studies() if "FOLDS_ID" in words else ())
        known = {"RUN_ID": lambda: self.run_id, "FOLDS_ID": lambda: next(studies)}
        words = [known[word]() if word in known else word for word in words]
        result = CliRunner().invoke(cli.app, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, f"{words}: {result.output}"

    def studies(self) -> list[str]:
        """MLflow runs of the last two cross-validations, or the last one twice."""
        from mlflow.tracking import MlflowClient

        from tasks.local import state

        client = MlflowClient(state.tracking_uri())
        found = client.search_runs(
            ["1"], f"tags.`spikeseg.stage` = '{STUDY}'", order_by=["attributes.start_time DESC"]
        )
        ids = [run.info.run_id for run in found]
        return [*ids[:2], *ids[:1]][:2]


@pytest.fixture
def reader(
    first: dict[str, Any],
    fakes: FakeStages,
    fresh_console: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    for module in (start, single, sweep):
        monkeypatch.setattr(module, "set_up_for_prefect", lambda *_, **__: None)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield Reader(first, folder)


def runs_here(block: Block) -> bool:
    return block.mark in ("", "planned", "file") and block.language in ("bash", "python", "yaml")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(map(runs_here, blocks(page.read_text())))], ids=name
)
@pytest.mark.usefixtures("prefect_server")
def test_a_reader_can_follow_the_page(page: Path, reader: Reader) -> None:
    for block in blocks(page.read_text()):
        if runs_here(block) and (block.mark or block.language != "yaml"):
            reader.follow(block)
