from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tasks.in_use import alone, release, use


def test_a_user_is_seen_until_it_lets_go(tmp_path: Path) -> None:
    stages = tmp_path / "stages"
    with alone(stages) as nobody:
        assert nobody
    assert not stages.exists()  # asking makes nothing
    assert use(stages) == use(stages)
    with alone(stages) as nobody:
        assert not nobody
    release(stages)
    with alone(stages) as nobody:
        assert nobody


def test_the_end_of_a_process_frees_the_folder(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from tasks.in_use import use; use(Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    with alone(tmp_path) as nobody:
        assert nobody
