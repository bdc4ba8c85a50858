"""What code a stage runs, as a digest: its module and all it imports from the same package.

A changed energy constant must not retrain a network, and a changed comment must not rerun
anything; a changed line of the U-Net must rerun training and all that follows. So the digest
covers the syntax trees, without comments and docstrings, of exactly the modules that a stage can
reach by its imports.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Settings and architectures are in a stage's key by their values.
IN_THE_KEY_BY_VALUE = frozenset({"spikeseg_core.config", "spikeseg_core.config.presets"})


@cache
def code_digest(module: str) -> str:
    """sha256 of the code that ``module`` and its imports within its own package consist of.

    Parameters
    ----------
    module : str
        Dotted name, such as ``spikeseg_core.stages.train``. It is not imported.
    """
    package = module.partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"package {package!r} of stage module {module!r} is not there")
    root = Path(next(iter(spec.submodule_search_locations))).parent
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file_of(root, name)
        if name in seen or name in IN_THE_KEY_BY_VALUE or file is None:
            continue
        seen[name], imports = _read(file, name, file.stat().st_mtime_ns)
        waiting += [found for found in imports if _in(found, package)]
        waiting += [name.rpartition(".")[0]] if "." in name else []
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\n{seen[name]}\n".encode())
    return digest.hexdigest()


@cache
def _read(file: Path, module: str, changed: int) -> tuple[str, tuple[str, ...]]:
    """Syntax tree as text, and imports, of a file; the stages have most of theirs in common."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = tuple(dict.fromkeys(_imports(tree, module, file.name == "__init__.py")))
    _drop_docstrings(tree)
    return ast.dump(tree), imports


def _file_of(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Names that may be modules, of every import statement, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = len(parts) - node.level + (1 if is_package else 0)
                base = ".".join([*parts[:kept], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Expr(ast.Constant(value=None))
