"""Commands that do work: the pipeline, its stages, sweeps, benchmarks and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import (
    Benchmark,
    Changes,
    Dataset,
    DryRun,
    JsonFile,
    Model,
    OpenPage,
    Preset,
    Quiet,
    SegmentEngine,
    StageName,
    Verbose,
    Verify,
    Workers,
    open_page,
    write_result,
)


def run(
    preset: Preset = "quick",
    dataset: Dataset = "auto",
    json: JsonFile = None,
    change: Changes = None,
    *,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME[@ALIAS]|RUN_ID",
            help="Registered model or MLflow run whose ANN the training starts from.",
        ),
    ] = None,
    dry_run: DryRun = False,
    open_report: OpenPage = False,
    verify: Verify = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run the whole pipeline, reusing the stages that are already finished.

    After an interruption, the same command continues. A changed setting runs only what depends
    on it. --dry-run says beforehand what would run, and how long it takes.
    """
    from spikeseg_core.config.overrides import configured

    config = configured(preset, dataset, change or [])
    if start_from is not None:
        from spikeseg_core.config.overrides import parsed
        from spikeseg_core.config.presets import flat
        from tasks.start_from import starting_from

        config = starting_from(start_from, config, flat(parsed(change or [])))
        typer.echo(
            f"starting from {start_from}: {config.train.epochs} epochs at a peak learning rate of "
            f"{config.train.learning_rate:g}; --set changes both"
        )
    if dry_run:
        from flows.plan import plan_run

        write_result(json, plan_run(config))
        return
    from flows.start import run_pipeline

    summary = run_pipeline(config)
    from tasks.show import show

    write_result(json, summary)
    if quiet:
        typer.echo(f"report    {summary['report']}")
    else:
        show(summary)
    if open_report:
        open_page(summary["report"])


def stage(
    name: StageName,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="MLflow run of the preceding stage or of a pipeline; default: the newest.",
        ),
    ] = None,
    json: JsonFile = None,
    change: Changes = None,
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a single stage on the results of the stages before it.

    It takes only its own settings; the earlier stages keep theirs. At the end it prints
    its scores and the command of the next stage.
    """
    from flows.single import run_stage_alone

    result = run_stage_alone(name, after, change or [])
    write_result(json, result)
    if not quiet:
        from tasks.show import show_stage

        show_stage(result)


def segment(
    sections: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Folder of images, or an image, stack or zarr."),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder for probability, mask and cells of each file, cells.csv and preview.png.",
        ),
    ],
    *,
    model: Model = None,
    engine: Annotated[
        SegmentEngine,
        typer.Option(help="ann: the trained network; loihi: the network on the chips, emulated."),
    ] = SegmentEngine.ann,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least probability of membrane; default: by validation."),
    ] = None,
    agglomerate: Annotated[
        bool, typer.Option("--agglomerate", help="Close gaps in membranes: other cells.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Sections at a time.")] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing results.")
    ] = False,
    json: JsonFile = None,
    open_preview: OpenPage = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Segment sections with a trained network.

    Each section gives a probability map, a mask and its cells, of the same name and size. In a PNG,
    255 means certain membrane; other formats hold probabilities as 32-bit floats. Interrupted, the
    same command goes on where it stopped.
    """
    from flows.segment import segment_files
    from spikeseg_core.inference.timing import since_start

    result = segment_files(
        sections,
        out,
        model,
        engine.value,
        threshold=threshold,
        agglomerate=agglomerate,
        workers=workers,
        overwrite=overwrite,
        start_s=since_start(),
    )
    write_result(json, result)
    typer.echo(
        f"{result['sections']} sections by the network {result['network']['kind']} of MLflow run "
        f"{result['mlflow_run_id']}: {result['membrane']:.1%} membrane at "
        f"threshold {result['threshold']:g}, {result['cells']:,} cells"
    )
    typer.echo(f"time       {result['time']}")
    typer.echo(f"preview    {result['preview']}")
    if open_preview:
        open_page(result["preview"])


def evaluate(
    model: Annotated[str, typer.Argument(metavar="NAME[@ALIAS]|RUN_ID", help="As for segment.")],
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="Labelled sections.")],
    *,
    engine: Annotated[SegmentEngine, typer.Option(help="As for segment.")] = SegmentEngine.ann,
    json: JsonFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score a finished network on other labelled sections: per section, with 95 % intervals."""
    from tasks.evaluating import evaluate_model
    from tasks.finished import load, network_of

    kind, ref = network_of(model, engine.value)
    write_result(json, evaluate_model(model, path, kind, ref, load(kind, ref)))


def sweep(
    study: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="Name of a sweep in deployments/sweeps, or a YAML file in the same format.",
        ),
    ],
    *,
    preset: Annotated[
        str | None, typer.Option(help="quick, paper or lean, in place of the sweep's own preset.")
    ] = None,
    workers: Workers = 1,
    dataset: Dataset = "auto",
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed that replaces the sweep's own; can be repeated.")
    ] = None,
    json: JsonFile = None,
    change: Changes = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run the pipeline with different settings and compare the results.

    Points that have stages in common, such as training, run them once. --dry-run says beforehand
    how many stages would run, and how long it takes.
    """
    if dry_run:
        from flows.plan import plan_sweep

        write_result(json, plan_sweep(study, dataset, seed or [], change or [], preset))
        return
    from flows.sweep import run_sweep

    write_result(json, run_sweep(study, workers, dataset, seed or [], change or [], preset=preset))


def bench(
    what: Annotated[Benchmark, typer.Argument(help="What to measure.")],
    preset: Preset = "quick",
    dataset: Dataset = "auto",
    json: JsonFile = None,
    change: Changes = None,
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure the emulator, mapping strategies, energy, tuning, or the cost of orchestration."""
    from flows.bench import bench as measure

    write_result(json, measure(what.value, preset, dataset, change or []))


def benchmark(
    model: Model = None,
    json: JsonFile = None,
    change: Changes = None,
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure a model on this machine again, and report what changed since the last time.

    Exit code 1 means that other work kept the machine busy, so nothing was compared.
    """
    from flows.single import run_benchmark

    result = run_benchmark(model, change or [])
    write_result(json, result)
    typer.echo(result["verdict"])
    if result["busy"]:
        raise typer.Exit(1)


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
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a deployed network the champion of its preset, by rule or by hand."""
    from flows.single import run_promotion

    result = run_promotion(model, why, by, change or [])
    write_result(json, result)
    typer.echo(f"{result['name']}/{result['version']} ({result['alias']}): {result['reason']}")


def report(
    preset: Annotated[str, typer.Option(help="Preset whose runs are reported.")] = "paper",
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="0,1,2",
            help="Seeds to report; default: all that are finished.",
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
    run_missing: Annotated[
        bool,
        typer.Option("--run-missing", help="First run the pipelines that are not finished."),
    ] = False,
    json: JsonFile = None,
    *,
    dry_run: DryRun = False,
    open_report: OpenPage = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Answer the paper's five questions from the records in MLflow, as HTML and Markdown.

    Nothing is trained unless --run-missing asks for it.
    """
    if dry_run:
        from flows.plan import plan_report

        write_result(json, plan_report(preset, seeds, of_runs or []))
        return
    from flows.single import run_report

    result = run_report(preset, seeds, of_runs or [], run_missing=run_missing)
    write_result(json, result)
    for command, what in result["missing"].items():
        typer.echo(f"not known  {what}  {command}")
    typer.echo(f"report     {result['report']}")
    if open_report:
        open_page(result["report"])
