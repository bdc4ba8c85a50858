"""Commands of the pages exist, and blocks that cannot run in a test say why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from flows import cli
from tests.docs.prose import pages
from tests.docs.snippets import PAGES, blocks, mentioned, name


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
