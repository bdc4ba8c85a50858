"""A module that runs no longer than the process that started it.

``python -m tasks.local.bound PID MODULE ARGUMENT...`` runs the module, and ends when the process
PID is no longer its parent: even ``kill -9`` of that process leaves nothing behind.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_END = 5.0


def main() -> None:
    """Run the module of the command line."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
