from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from flows import cli


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, flows.cli\n"
        "from typer.testing import CliRunner\n"
        "result = CliRunner().invoke(flows.cli.app, ['--help'])\n"
        "heavy = {'prefect', 'mlflow', 'tensorflow', 'numpy', 'nengo'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'segment' in result.output\n"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    assert time.perf_counter() - began < 5  # about 0.5 s on an idle machine


def test_prefect_keeps_its_things_in_the_state_folder(tmp_path: Path) -> None:
    # Prefect reads the variable when it is first imported, where this stops every import.
    code = (
        "import importlib, os, sys\n"
        "class Stop(BaseException): pass\n"
        "class FirstImport:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'prefect':\n"
        "            raise Stop(os.environ.pop('PREFECT_HOME', None))\n"
        "sys.meta_path.insert(0, FirstImport())\n"
        "for module in ('flows.pipeline', 'flows.sweep', 'flows.stages'):\n"
        "    try:\n"
        "        importlib.import_module(module)\n"
        "    except Stop as stop:\n"
        "        print(stop)\n"
        "    for name in [n for n in sys.modules if n.split('.')[0] in ('flows', 'tasks')]:\n"
        "        del sys.modules[name]\n"
    )
    environment = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    environment["SPIKESEG_HOME"] = str(tmp_path / "state")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "state" / "prefect")] * 3


@pytest.mark.parametrize(
    "command", [each.callback.__name__ for each in cli.app.registered_commands if each.callback]
)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "-h"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert command in result.output


def test_version_and_completion() -> None:
    from spikeseg_core import __version__

    assert CliRunner().invoke(cli.app, ["--version"]).output == f"spikeseg {__version__}\n"
    assert "--install-completion" in CliRunner().invoke(cli.app, ["-h"]).output


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("spikeseg ru", "run"),
        ("spikeseg run --preset pa", "paper"),
        ("spikeseg stage tu", "tune"),
        ("spikeseg run --set train.ep", "train.epochs="),
    ],
)
def test_the_shell_completes_commands_presets_stages_and_settings(words: str, offered: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    found = CliRunner().invoke(
        cli.app,
        [],
        prog_name="spikeseg",
        env={"_SPIKESEG_COMPLETE": "complete_bash", **asked},
    )
    assert offered in found.output.split()


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["spikeseg", *words])
    monkeypatch.setattr(cli.stopping, "listen", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_mistake_is_one_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "run", "--set", "train.epochs=0") == 2
    said = capsys.readouterr().err
    assert said.startswith("spikeseg: train.epochs: ")
    assert "Traceback" not in said


def test_an_unknown_preset_and_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "run", "--preset", "huge") == 2
    assert "unknown preset 'huge'" in capsys.readouterr().err
    assert run_main(monkeypatch, "stage", "paint") == 2
    assert "unknown stage 'paint'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to continue\n"),
        (
            httpx.ConnectError("connection refused"),
            2,
            "spikeseg: Prefect's server stopped answering (connection refused); run the same "
            "command again\n",
        ),
        (
            OSError(28, "No space left on device", "out.npz"),
            2,
            "spikeseg: [Errno 28] No space left on device: 'out.npz'\n",
        ),
    ],
)
def test_what_is_no_fault_of_the_program_is_one_message(
    error: BaseException,
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    cli.stopping._say.cache_clear()
    assert run_main(monkeypatch) == code
    assert capfd.readouterr().err == says
