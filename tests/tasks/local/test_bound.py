from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]

PARENT = """
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", "tasks.local.bound", str(os.getpid()), "sleeper", "a", "b"],
    start_new_session=True, stdout=subprocess.PIPE, text=True,
)
print(child.pid, child.stdout.readline(), flush=True)
input()
"""


def test_it_ends_with_its_parent_even_if_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import sys, time\nprint(*sys.argv[1:], __name__, flush=True)\ntime.sleep(100)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n{PARENT}"],
        env={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}", "SPIKESEG_HOME": str(tmp_path / "state")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid, *said = parent.stdout.readline().split()
    assert said == ["a", "b", "__main__"]
    child = psutil.Process(int(pid))
    parent.kill()
    parent.communicate()
    child.wait(timeout=20)  # it looks every second
