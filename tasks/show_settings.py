"""`spikeseg settings`: the list of settings on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.text import Text

from spikeseg_core.config.listing import Setting, search
from tasks.terminal import plain_console


def show_settings(words: Sequence[str]) -> list[dict[str, Any]]:
    """Print the settings in which all words occur, or all of them, and return them.

    Raises
    ------
    ConfigError
        If none matches.
    """
    found = search(*words)
    console = plain_console()
    for setting in found:
        limits = f", {setting.limits}" if setting.limits else ""
        console.print(Text(setting.name, "bold"), _values(setting), sep="  ", soft_wrap=True)
        about = f"{setting.title}: {setting.description}\n{setting.kind}{limits}"
        console.print(Padding(Text(about), (0, 0, 0, 4)))
    change = f"{found[0].name}={json.dumps(next(iter(found[0].values.values())))}"
    console.print(f"{len(found)} settings; change one with --set '{change}'", soft_wrap=True)
    return [asdict(setting) for setting in found]


def _values(setting: Setting) -> str:
    values = {preset: json.dumps(value) for preset, value in setting.values.items()}
    if len(set(values.values())) == 1:
        return f"= {next(iter(values.values()))}"
    return "= " + ", ".join(f"{value} ({preset})" for preset, value in values.items())
