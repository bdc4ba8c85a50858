"""Run a command of `spikeseg` with stand-ins for what does the work."""

from __future__ import annotations

from typing import Any

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
    return CliRunner().invoke(cli.app, [str(word) for word in words])
