"""A digest of the code that a stage runs: its module and all its imports from the same package.

A changed energy constant must not retrain a network, and a changed comment must not rerun
anything; a changed line of the U-Net must rerun training and all that follows. So the digest
covers the syntax trees, without comments and docstrings, of the modules that a stage imports,
directly or indirectly.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp

# Their values are in a stage's key: settings, architectures, names of files.
IN_THE_KEY_BY_VALUE = frozenset(
    {
        "spikeseg_core",  # the version
        "spikeseg_core.config",
        "spikeseg_core.config.learning",
        "spikeseg_core.config.presets",
        "spikeseg_core.config.settings",
        "spikeseg_core.config.stage_config",
        "spikeseg_core.network.catalogue",
        "spikeseg_core.stages.artifacts",
    }
)


@cache
def code_digest(module: str) -> str:
    """sha256 of a module's code and of its imports within its package; nothing is imported."""
    package = module.partition(".")[0]
    digest = hashlib.sha256()
    for name in sorted(closure(module)):
        file = _file_of(_root(package), name)
        text = _syntax(file, file.stat().st_mtime_ns)
        digest.update(f"{name}\n{text}\n".encode())
    return digest.hexdigest()


def closure(module: str) -> set[str]:
    """Modules of its package that ``module`` runs: itself, its parents, its imports and theirs.

    Imports inside functions count, those for type checkers do not.
    """
    package = module.partition(".")[0]
    graph = _imports(package)
    found: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        found.add(name)
        parent = name.rpartition(".")[0]
        reached = graph.find_modules_directly_imported_by(name) | ({parent} if parent else set())
        waiting |= reached - found - IN_THE_KEY_BY_VALUE
    return found


@cache
def _imports(package: str) -> grimp.ImportGraph:
    return grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)


@cache
def _syntax(file: Path, changed: int) -> str:
    """Syntax tree as text, cached: the stages share most of their files."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    _drop_docstrings(tree)
    return ast.dump(tree)


def _root(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))).parent


def _file_of(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Expr(ast.Constant(value=None))
