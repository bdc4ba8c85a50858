"""Run a command of `spikeseg` with stand-ins for what does the work."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from flows import cli


class Asked(list[tuple[tuple[Any, ...], dict[str, Any]]]):
    """Keeps the arguments of every call of a stand-in."""

    def stand_in(self, monkeypatch: pytest.MonkeyPatch, name: str, result: Any = None) -> None:
        """Put a function in the place of one, by its full name, that returns a result."""

        def called(*args: Any, **kwargs: Any) -> Any:
            self.append((args, kwargs))
            return result

        monkeypatch.setattr(name, called)


def spikeseg(*words: object) -> Result:
    with mock.patch.dict(os.environ):  # --quiet is for all that the process still does
        return CliRunner().invoke(cli.app, [str(word) for word in words])
