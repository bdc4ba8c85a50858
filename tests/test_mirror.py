"""Tests mirror the source: the module ``a/b/c.py`` has its tests in ``tests/a/b/test_c.py``."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCT = ("spikeseg_core", "tasks", "flows")

TESTED_ELSEWHERE = {
    "spikeseg_core/data/sources/base.py": "a protocol, and the record that its sources return",
    "spikeseg_core/loihi/emulator/kernels.py": "loops that only the engine can call: test_engine",
}
"""Modules without a test file of their own, and why."""

OF_SEVERAL_MODULES = {
    "tests/flows/test_folds.py": "cross-validations, from the sweep to the comparison of two",
    "tests/spikeseg_core/test_working_directory.py": "what any command finds where it runs",
    "tests/spikeseg_core/stages/test_contract.py": "all eight stages, one after the other",
}
"""Test files that belong to no module, and why; folders without a source are not looked at."""


@cache
def modules() -> list[str]:
    """Files that define functions or classes."""
    return [
        path.relative_to(ROOT).as_posix()
        for package in PRODUCT
        for path in sorted((ROOT / package).rglob("*.py"))
        if any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    ]


def mirror_of(module: str) -> Path:
    source = Path(module)
    return ROOT / "tests" / source.parent / f"test_{source.name}"


def has_a_test(path: Path) -> bool:
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_every_module_has_tests_of_its_own() -> None:
    without = [module for module in modules() if not has_a_test(mirror_of(module))]
    assert set(without) == TESTED_ELSEWHERE.keys()


def test_no_test_file_is_left_behind() -> None:
    known = {mirror_of(module).relative_to(ROOT).as_posix() for module in modules()}
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PRODUCT
        for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    assert there - known == set(OF_SEVERAL_MODULES)
