"""The command line `spikeseg`: a thin layer over the flows that imports nothing heavy up front."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli import answers, servers, stopping, work
from flows.options import examples
from spikeseg_core import __version__
from spikeseg_core.errors import SpikeSegError
from tasks import exporting, networks

app = typer.Typer(
    name="spikeseg",
    help="From electron-microscopy sections to a spiking U-Net on Loihi, with its energy.",
    epilog="New here? [bold]spikeseg doctor[/] looks at this machine, "
    "[bold]spikeseg run --dry-run[/] says what a run would do, [bold]spikeseg run[/] does it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

WORK, ANSWERS, SERVERS = "Work", "Answers", "Servers"

for command, panel, *lines in (
    (
        work.run,
        WORK,
        "spikeseg run --dry-run",
        "spikeseg run --preset paper --dataset isbi2012 --json out.json",
        "spikeseg run --set train.epochs=5 --set presentation.steps=50",
    ),
    (
        work.stage,
        WORK,
        "spikeseg stage tune --set tune.epochs=20",
        "spikeseg stage partition --after 0123abcd --set partition.strategy=optimized",
    ),
    (
        work.segment,
        WORK,
        "spikeseg segment sections/ segmented/",
        "spikeseg segment --model paper@champion --engine loihi sections/ segmented/",
        "spikeseg segment --model 0123abcd... stack.tif segmented/",
    ),
    (work.evaluate, WORK, "spikeseg evaluate paper@champion other-sections/ --json scores.json"),
    (
        work.sweep,
        WORK,
        "spikeseg sweep ablation-bits --dry-run",
        "spikeseg sweep operating-point --workers 1 --set train.epochs=20",
        "spikeseg sweep my_sweep.yaml --seed 0 --seed 1 --json sweep.json",
        "spikeseg sweep cross-validation --preset paper --json folds.json",
    ),
    (
        work.bench,
        WORK,
        "spikeseg bench emulator --json emulator.json",
        "spikeseg bench mapping --preset paper --json mapping.json",
        "spikeseg bench pipeline --preset quick",
        "spikeseg bench tuning --preset paper --json tuning.json",
    ),
    (
        work.benchmark,
        WORK,
        "spikeseg benchmark",
        "spikeseg benchmark --model paper@champion --json moved.json",
    ),
    (
        work.promote,
        WORK,
        "spikeseg promote paper@challenger --set v_rand=0.02",
        'spikeseg promote paper/3 --why "checked by an expert"',
    ),
    (
        work.report,
        WORK,
        "spikeseg report --preset paper --open",
        "spikeseg report --preset paper --seeds 0,1,2 --dry-run",
        "spikeseg report --run 0123abcd --run 4567cdef",
    ),
    (exporting.export, WORK, "spikeseg export paper@champion --format bioimageio --out paper.zip"),
    (
        networks.map,
        WORK,
        "spikeseg map lenet.keras --board 2 --out mapped/ --calibration digits.npy",
    ),
    (networks.emulate, WORK, "spikeseg emulate mapped/ --input digits.npy --steps 400"),
    (
        answers.runs,
        ANSWERS,
        "spikeseg runs",
        "spikeseg runs show",
        "spikeseg runs open 20261128-192627-quick",
    ),
    (
        answers.compare,
        ANSWERS,
        "spikeseg compare",
        "spikeseg compare 0123abcd 89ef4567 --all",
        "spikeseg compare quick-synthetic-seed0 quick-isbi2012-seed0 --json difference.json",
    ),
    (
        answers.settings,
        ANSWERS,
        "spikeseg settings",
        "spikeseg settings tune",
        "spikeseg settings learning rate",
    ),
    (answers.clean, ANSWERS, "spikeseg clean", "spikeseg clean --yes", "spikeseg clean --all"),
    (answers.doctor, ANSWERS, "spikeseg doctor", "spikeseg doctor --imports"),
    (servers.up, SERVERS, "spikeseg up", "spikeseg up --no-worker --open"),
    (servers.status, SERVERS),
    (servers.down, SERVERS),
):
    about = examples(*lines) if lines else None
    app.command(rich_help_panel=panel, epilog=about)(command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"spikeseg {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", is_eager=True, callback=_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2."""
    stopping.listen()
    try:
        app()
    except BaseException as error:
        if stopping.asked() or isinstance(error, KeyboardInterrupt):
            stopping.leave()
        if isinstance(error, SpikeSegError | OSError):  # such as a full disk, which names its file
            _fail(str(error))
        httpx = sys.modules.get("httpx")  # loaded only if Prefect's client was in use
        if httpx is None or not isinstance(error, httpx.HTTPError):
            raise
        _fail(f"Prefect's server stopped answering ({error}); run the same command again")


def _fail(message: str) -> None:
    typer.secho(f"spikeseg: {message}", fg="red", err=True)
    sys.exit(2)
