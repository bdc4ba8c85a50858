"""The command line `spikeseg`: a thin layer over the flows that imports nothing heavy up front."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import (
    Benchmark,
    Changes,
    Dataset,
    JsonFile,
    Model,
    Preset,
    SegmentEngine,
    Workers,
    examples,
)
from spikeseg_core.errors import SpikeSegError

app = typer.Typer(
    name="spikeseg",
    help="From electron-microscopy sections to a spiking U-Net on Loihi, with its energy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog=examples(
        "spikeseg run",
        "spikeseg run --preset paper --dataset isbi2012 --json out.json",
        "spikeseg run --set train.epochs=5 --set presentation.steps=50",
    )
)
def run(
    preset: Preset = "quick",
    dataset: Dataset = "auto",
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Run the whole pipeline, reusing the stages that are already finished."""
    from spikeseg_core.config.overrides import configured

    config = configured(preset, dataset, change or [])
    from flows.start import run_pipeline

    summary = run_pipeline(config)
    from flows.show import show

    _write(json, summary)
    show(summary)


@app.command(
    epilog=examples(
        "spikeseg stage tune --set tune.epochs=20",
        "spikeseg stage partition --after 0123abcd --set partition.strategy=optimized",
    )
)
def stage(
    name: Annotated[
        str,
        typer.Argument(
            help="prepare, train, tune, convert, quantize, partition, deploy or benchmark"
        ),
    ],
    after: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="MLflow run of the preceding stage or of a pipeline; default: the newest.",
        ),
    ] = None,
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Run a single stage on the results of the stages before it."""
    from flows.single import run_stage_alone

    _write(json, run_stage_alone(name, after, change or []))


@app.command(
    epilog=examples(
        "spikeseg segment sections/ segmented/",
        "spikeseg segment --model paper@champion --engine loihi sections/ segmented/",
        "spikeseg segment --model 0123abcd... stack.tif segmented/",
    )
)
def segment(
    sections: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Folder of images (PNG or TIFF), or a TIFF stack."),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder for probability/NAME and mask/NAME per file, and preview.png.",
        ),
    ],
    *,
    model: Model = None,
    engine: Annotated[
        SegmentEngine,
        typer.Option(help="ann: the trained network; loihi: the network on the chips, emulated."),
    ] = SegmentEngine.ann,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Pixels with at least this probability count as membrane."),
    ] = 0.5,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing results.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Segment sections with a trained network.

    Each section gives a probability map and a mask of the same name and size. In a PNG, 255 means
    certain membrane; a TIFF holds probabilities as 32-bit floats.
    """
    from flows.segment import segment_files

    result = segment_files(
        sections, out, model, engine.value, threshold=threshold, overwrite=overwrite
    )
    _write(json, result)
    typer.echo(
        f"{result['sections']} sections by the network {result['network']['kind']} of MLflow run "
        f"{result['mlflow_run_id']}: {result['membrane']:.1%} membrane"
    )
    typer.echo(f"preview    {result['preview']}")


@app.command(
    epilog=examples(
        "spikeseg sweep ablation-bits",
        "spikeseg sweep operating-point --workers 1 --set train.epochs=20",
        "spikeseg sweep my_sweep.yaml --seed 0 --seed 1 --json sweep.json",
    )
)
def sweep(
    study: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="Name of a sweep in deployments/sweeps, or a YAML file in the same format.",
        ),
    ],
    *,
    workers: Workers = 1,
    dataset: Dataset = "auto",
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed that replaces the sweep's own; can be repeated.")
    ] = None,
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Run the pipeline with different settings and compare the results."""
    from flows.sweep import run_sweep

    _write(json, run_sweep(study, workers, dataset, seed or [], change or []))


@app.command(
    epilog=examples(
        "spikeseg compare",
        "spikeseg compare 0123abcd 89ef4567 --all",
        "spikeseg compare quick-synthetic quick-isbi2012 --json difference.json",
    )
)
def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="MLflow run ids (or their beginnings) or names; default: the newest pipelines.",
        ),
    ] = None,
    last: Annotated[
        int, typer.Option(min=2, help="How many of the newest runs, if none are named.")
    ] = 2,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all results, not only the main ones.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Compare runs: settings, data, code and results."""
    from flows.compare import compare as side_by_side

    _write(json, side_by_side(runs or [], last, everything))


@app.command(
    epilog=examples(
        "spikeseg bench emulator --json emulator.json",
        "spikeseg bench mapping --preset paper --json mapping.json",
        "spikeseg bench pipeline --preset quick",
    )
)
def bench(
    what: Annotated[Benchmark, typer.Argument(help="What to measure.")],
    preset: Preset = "quick",
    dataset: Dataset = "auto",
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Measure the emulator, the mapping strategies, energy, or the cost of orchestration."""
    from flows.bench import bench as measure

    _write(json, measure(what.value, preset, dataset, change or []))


@app.command(
    epilog=examples(
        "spikeseg benchmark",
        "spikeseg benchmark --model paper@champion --json moved.json",
    )
)
def benchmark(
    model: Model = None,
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Measure a model on this machine again, and report what changed since the last time.

    Exit code 1 means that other work kept the machine busy, so nothing was compared.
    """
    from flows.single import run_benchmark

    result = run_benchmark(model, change or [])
    _write(json, result)
    typer.echo(result["verdict"])
    if result["busy"]:
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        "spikeseg promote paper@challenger --set v_rand=0.02",
        'spikeseg promote paper/3 --why "checked by an expert"',
    )
)
def promote(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@ALIAS|/VERSION]|RUN_ID",
            help="Registered model, or MLflow run of a deployment or pipeline.",
        ),
    ],
    why: Annotated[
        str | None,
        typer.Option(
            help="Reason for making it champion by hand; without it, the promotion rule decides."
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decided; default: the current user.")] = None,
    json: JsonFile = None,
    change: Changes = None,
) -> None:
    """Make a deployed network the champion of its preset, by rule or by hand."""
    from flows.single import run_promotion

    result = run_promotion(model, why, by, change or [])
    _write(json, result)
    typer.echo(f"{result['name']}/{result['version']} ({result['alias']}): {result['reason']}")


@app.command(
    epilog=examples(
        "spikeseg report --preset paper",
        "spikeseg report --preset paper --seeds 0,1,2",
        "spikeseg report --run 0123abcd --run 4567cdef",
    )
)
def report(
    preset: Annotated[str, typer.Option(help="Preset whose runs are reported.")] = "paper",
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="0,1,2",
            help="Seeds to report; seeds without a finished run are run first.",
        ),
    ] = None,
    of_runs: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN_ID",
            help="MLflow run of a pipeline to report, and no others; can be repeated.",
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Answer the paper's five questions from the records in MLflow, as HTML and Markdown."""
    from flows.single import run_report

    result = run_report(preset, seeds, of_runs or [])
    _write(json, result)
    for command, what in result["missing"].items():
        typer.echo(f"not known  {what}  {command}")
    typer.echo(f"report     {result['report']}")


@app.command()
def doctor() -> None:
    """Check this machine (versions, data, disk, servers, power meters) and suggest fixes."""
    from tasks.local.doctor import examine, show

    if not show(examine()):
        raise typer.Exit(1)


@app.command()
def up(
    prefect_port: Annotated[
        int | None, typer.Option(help="Port of the Prefect server; default: 4200, or a free port.")
    ] = None,
    mlflow_port: Annotated[
        int | None, typer.Option(help="Port of the MLflow server; default: 5000, or a free port.")
    ] = None,
    worker: Annotated[
        bool, typer.Option(help="Also start a worker, which runs what the Prefect page asks for.")
    ] = True,
) -> None:
    """Start Prefect, MLflow and a worker on this machine, and register the deployments.

    They run until Ctrl-C or `spikeseg down`. If they are running already, their addresses are
    printed. `spikeseg run` in another terminal uses them.
    """
    from tasks.local.servers import up as start

    start(prefect_port, mlflow_port, worker)


@app.command()
def status() -> None:
    """Show which servers of `spikeseg up` are running, and where."""
    from tasks.local.servers import status as say

    if not say():
        raise typer.Exit(1)


@app.command()
def down() -> None:
    """Stop the servers of `spikeseg up`, from another terminal or after it was killed."""
    from tasks.local.servers import down as stop

    typer.echo("stopped" if stop() else "nothing was running")


def _write(path: Path | None, result: Any) -> None:
    if path is not None:
        from spikeseg_core.storage import write_json

        write_json(path, result)


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2."""
    try:
        app()
    except (SpikeSegError, OSError) as error:  # such as a full disk, which names its file
        _fail(str(error))
    except KeyboardInterrupt:
        typer.echo("interrupted; run the same command again to continue", err=True)
        sys.exit(130)
    except Exception as error:
        httpx = sys.modules.get("httpx")  # loaded only if Prefect's client was in use
        if httpx is None or not isinstance(error, httpx.HTTPError):
            raise
        _fail(f"Prefect's server stopped answering ({error}); run the same command again")


def _fail(message: str) -> None:
    typer.secho(f"spikeseg: {message}", fg="red", err=True)
    sys.exit(2)
