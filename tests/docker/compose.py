"""Read ``docker/compose.yaml`` as Compose does, with variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker"
FILE = FOLDER / "compose.yaml"
EXAMPLE = FOLDER / ".env.example"
DOCKERFILE = FOLDER / "Dockerfile"

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<form>[-?+])(?P<rest>[^}]*))?\}")


class UnsetVariableError(Exception):
    """A required variable of the file has no value."""


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Fill in ``${A}``, ``${A:-default}``, ``${A:+instead}`` and ``${A:?why}``."""
    if isinstance(value, dict):
        return {key: filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        known = variables.get(found["name"], "")
        if found["form"] == "?" and not known:
            raise UnsetVariableError(f"{found['name']}: {found['rest']}")
        if found["form"] == "-":
            return known or found["rest"]
        if found["form"] == "+":
            return found["rest"] if known else ""
        return known

    return VARIABLE.sub(fill, value)


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the compose file with these variables."""
    content: dict[str, Any] = filled(yaml.safe_load(FILE.read_text()), variables)
    return content


def example_variables() -> dict[str, str]:
    """Return the variables of ``.env.example``; those left to the user are empty."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if re.match(r"[A-Z]\w*=", line)]
    return dict(line.split("=", 1) for line in lines)


def last_stage() -> str:
    """Return the last stage of the Dockerfile, which makes the image."""
    return DOCKERFILE.read_text().split("\nFROM ")[-1]


def image_environment(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the image sets when it is built with these arguments."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)", last_stage(), re.MULTILINE)
    words = filled(block, arguments).replace("\\\n", "").split()
    return dict(word.split("=", 1) for word in words)


def image_health_check() -> list[str]:
    """Return the command of the image's health check."""
    (words,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (.*)", last_stage(), re.MULTILINE)
    command: list[str] = json.loads(words)
    return command
