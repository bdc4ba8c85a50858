"""Commands run beside other people's files; nothing there is obeyed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WHERE = """
from spikeseg_core.metrics.rand_info import _flood
print(_flood._cache._cache_file._index_path)
"""
USE = """
import numpy as np
from spikeseg_core.metrics.rand_info import thinned_regions
thinned_regions(np.zeros((4, 4), bool))
"""


class _Command:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def run(program: str, folder: Path, **variables: str) -> str:
    """Run a program in a folder, as an installed command: nothing is imported from there."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = {**known, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **variables}
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_numbas_settings_of_a_folder_do_not_say_where_pickles_are(tmp_path: Path) -> None:
    cache, folder, proof = tmp_path / "cache", tmp_path / "sections", tmp_path / "executed"
    folder.mkdir()
    index = Path(run(WHERE, tmp_path, NUMBA_CACHE_DIR=str(cache)))
    assert cache in index.parents
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(pickle.dumps(_Command(proof)))
    (folder / ".numba_config.yaml").write_text(f"cache_dir: {cache}\n")
    run(USE, folder)
    assert not proof.exists()
