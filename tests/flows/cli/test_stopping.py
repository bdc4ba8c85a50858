from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

SAYS = "interrupted; run the same command again to continue\n"
PROLOGUE = """
import subprocess, sys, time
from flows import cli
from flows.cli import stopping

def work():
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    {body}

import typer

cli.app = typer.Typer()
cli.app.command()(work)
sys.argv = ["spikeseg"]
stopping.SECONDS_TO_END = 0.5
cli.main()
"""
NEAT = "try: print(child.pid, flush=True); time.sleep(60)\n    finally: child.kill()"
STUBBORN = "try: print(child.pid, flush=True); time.sleep(60)\n    finally: time.sleep(60)"


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (NEAT, signal.SIGINT),
        (NEAT, signal.SIGTERM),
        (NEAT, signal.SIGHUP),
        (STUBBORN, signal.SIGTERM),
    ],
    ids=["neat, Ctrl-C", "neat, terminated", "neat, hung up", "stubborn, terminated"],
)
def test_a_signal_ends_a_command_and_what_it_started(
    body: str, number: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            'trap "" INT HUP; exec "$@"',
            "sh",
            sys.executable,
            "-c",
            PROLOGUE.format(body=body),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said == SAYS
    assert time.monotonic() - began < 15
    child.wait(timeout=5)
