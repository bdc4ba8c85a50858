"""Tests that need packages which the core does without are skipped, and say so.

Each such package is a stand-in that can be imported, so that one test that compares with NengoLoihi
does not take its whole file along. Loaded by ``make core`` alone: a complete installation must not
skip anything.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

ABSENT = {
    "keras": "Keras",
    "nengo": "Nengo",
    "nengo_dl": "NengoDL",
    "nengo_extras": "NengoExtras",
    "nengo_loihi": "NengoLoihi",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorflow": "TensorFlow",
    "tf_keras": "Keras 2",
}
"""Names of people, by those of modules."""

STACK = "spikeseg_core.stack"
"""The module that imports them all, for everybody else."""

COMPARES_STAND_INS = ("test_stack.py", "test_drop_in.py")
"""Files about these packages themselves, which have nothing else to test."""


class Absent(ModuleType):
    """Has every name, and may be called by the lines of a module; any other use skips."""

    __path__: tuple[str, ...] = ()
    importing = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):  # something to catch
            return type(name, (Exception,), {})
        return Absent(name if self.__name__ == STACK else f"{self.__name__}.{name}")

    def __call__(self, *_: object, **__: object) -> Absent:
        return Absent(self.__name__) if Absent.importing else self.skip()

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return ()

    def keys(self) -> tuple[str, ...]:
        """Nothing, where a mapping is unpacked into another."""
        return ()

    def skip(self, *_: object) -> NoReturn:
        """Skip the test, or the file whose lines need the package."""
        name = ABSENT.get(self.__name__.partition(".")[0], "TensorFlow")  # tf, and helpers of it
        pytest.skip(f"needs {name}, which the core does without", allow_module_level=True)

    __iter__ = __enter__ = __exit__ = __gt__ = __mul__ = __array__ = skip


class Finder(MetaPathFinder, Loader):
    """Finds stand-ins."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname == STACK or fullname.partition(".")[0] in ABSENT:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave those files out; None leaves the rest to others."""
    return True if collection_path.name in COMPARES_STAND_INS else None


def pytest_collection_finish() -> None:
    """Tests are about to run."""
    Absent.importing = False


def pytest_configure(config: Any) -> None:
    """Refuse where the packages are: what is tested here is that nothing needs them."""
    if found := [name for name in ABSENT if importlib.util.find_spec(name)]:
        raise pytest.UsageError(f"{', '.join(found)} can be imported here; use make test")
    sys.meta_path.insert(0, Finder())
