from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spikeseg_core.stages.table import STAGES
from tasks import key as code_version
from tasks.key import closure, code_digest

FILES = {
    "__init__.py": '"""A package."""\n',
    "stages/__init__.py": "",
    "stages/train.py": "from toycore.ann import unet\n\ndef run():\n    from toycore import late\n",
    "ann/__init__.py": "",
    "ann/unet.py": "from . import layers\nSIZE = 3\n",
    "ann/layers.py": "DEPTH = 2\n",
    "late.py": "WHEN = 1\n",
    "energy.py": "PICOJOULE = 23.6\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "toycore"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toycore", raising=False)
    return root


def digest() -> str:
    code_digest.cache_clear()
    return code_digest("toycore.stages.train")


IMPORTED = ("stages/train.py", "ann/unet.py", "ann/layers.py", "late.py")
PACKAGES = ("__init__.py", "stages/__init__.py", "ann/__init__.py")


@pytest.mark.parametrize("name", [*IMPORTED, *PACKAGES])
def test_a_change_in_what_the_stage_imports_changes_it(package: Path, name: str) -> None:
    before = digest()
    (package / name).write_text(FILES[name] + "MORE = 1\n")
    assert digest() != before


def test_a_first_line_that_is_no_docstring_counts(package: Path) -> None:
    found = set()
    for first in ("", "print()\n", "print(1)\n", "5\n", "6\n"):
        (package / "late.py").write_text(first + FILES["late.py"])
        found.add(digest())
    assert len(found) == 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("energy.py", "PICOJOULE = 24.0\n"),
        ("ann/unet.py", '"""Now documented."""\nfrom . import layers\n\nSIZE = 3  # pixels\n'),
    ],
)
def test_other_modules_comments_and_docstrings_do_not(package: Path, name: str, text: str) -> None:
    (package / "ann/unet.py").write_text('"""A U-Net."""\n' + FILES["ann/unet.py"])
    before = digest()
    (package / name).write_text(text)
    assert digest() == before


def test_settings_are_in_the_key_by_value_not_by_their_source() -> None:
    assert "spikeseg_core.config" in code_version.IN_THE_KEY_BY_VALUE
    code_digest.cache_clear()
    assert len(code_digest("spikeseg_core.stages.prepare")) == 64


ROOMS = ("figures", "energy", "bench", "report", "sweep", "inference")
COST = ("loihi.cost.constants", "loihi.cost.model", "loihi.cost.step", "loihi.cost.strategies")


@pytest.mark.parametrize("stage", STAGES)
def test_pictures_and_energy_are_not_in_the_key(stage: str) -> None:
    """A changed colour, energy constant or report must not make a stage run again."""
    reached = closure(f"spikeseg_core.stages.{stage}")
    rooms = ("figures", "report", "bench") if stage == "benchmark" else (*ROOMS, *COST)
    barred = tuple(f"spikeseg_core.{room}." for room in rooms)
    assert not {module for module in reached if f"{module}.".startswith(barred)}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_runs_another(stage: str) -> None:
    others = {f"spikeseg_core.stages.{name}" for name in STAGES if name != stage}
    assert not closure(f"spikeseg_core.stages.{stage}") & others
