"""What the tests of the core import is there when the core is alone, or has a stand-in."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.core.plugin import ABSENT

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported() -> set[str]:
    """Packages that modules of the core's tests import when they are collected."""
    found: set[str] = set()
    for path in (ROOT / "tests/spikeseg_core").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"spikeseg_core", "tests"}


def test_every_package_of_the_cores_tests_is_in_its_lock_file_or_has_a_stand_in() -> None:
    locked = {plain(name) for name in LINE.findall((ROOT / "requirements/core.txt").read_text())}
    known = packages_distributions()
    missing = {
        module
        for module in imported() - set(ABSENT)
        if not locked & {plain(name) for name in known.get(module, [module])}
    }
    assert not missing
