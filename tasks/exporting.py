"""`spikeseg export`: the trained network of a run, for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spikeseg_core.data.dataset import Dataset
    from spikeseg_core.inference.about import About
    from tasks.folder import StageRecord

SCORES = ("test/v_rand", "test/v_info", "test/pixel_accuracy")


class Format(StrEnum):
    """What other programs read."""

    onnx = "onnx"
    bioimageio = "bioimageio"


def export(
    out: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="File to write: .onnx or .zip.")
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME[@ALIAS]|RUN_ID]", help="As for segment; default: the newest network."
        ),
    ] = None,
    *,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="onnx: grey values in; bioimageio: a package for ilastik and others."
        ),
    ] = Format.onnx,
    author: Annotated[
        list[str] | None, typer.Option(help="Who trained it; can be repeated.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="SPDX", help="Of the weights, such as CC-BY-4.0.")
    ] = None,
    pixel_nm: Annotated[
        float | None,
        typer.Option(min=0.01, max=1e6, help="Side of a pixel of the training sections, nm."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a trained network (the ANN) as ONNX or as a bioimage.io package.

    Grey values of any scale in, probability of membrane out. The file says what it was trained on,
    its scores, and the threshold that validation chose.
    """
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from spikeseg_core.data.dataset import load_dataset
    from spikeseg_core.errors import ConfigError
    from spikeseg_core.network import load_network
    from tasks.folder import read_record
    from tasks.lookup import stage_and_those_before, stage_behind
    from tasks.mlflow import models
    from tasks.mlflow.registered import run_of_model

    if out.exists() and not overwrite:
        raise ConfigError(f"{out} exists; name another file, or add --overwrite")
    if model is None:
        ref = stage_and_those_before("train")["train"]
    else:
        ref = stage_behind(run_of_model(model), "train")
    record = read_record(ref.folder)
    with TemporaryDirectory() as temporary:
        models.gather("ann", record, Path(temporary))
        network, weights = load_network(Path(temporary))
        dataset = load_dataset(models.folder_of("prepare", record))
        about = replace(
            _about(record, dataset, Path(temporary)),
            authors=tuple(author or ()),
            licence=licence,
            pixel_nm=pixel_nm,
        )
    if form is Format.onnx:
        from spikeseg_core.inference.onnx_model import onnx_model
        from spikeseg_core.storage import atomic_path

        content = onnx_model(network, weights, about).SerializeToString(deterministic=True)
        with atomic_path(out) as unfinished:
            unfinished.write_bytes(content)
    else:
        from spikeseg_core.inference.bioimageio_package import save_package

        example = dataset.images[dataset.splits["train"][0]]
        checked = save_package(out, network, weights, example, about)
        for warning in checked.warnings:
            typer.echo(f"note       {warning}")
        by = f"valid, says bioimageio.spec {checked.by}"
        typer.echo(by if checked.by else 'not validated: pip install "spikeseg[bioimageio]"')
    typer.echo(f"exported   {out} ({out.stat().st_size / 1e6:.2f} MB)")


def _about(record: StageRecord, dataset: Dataset, gathered: Path) -> About:
    from spikeseg_core.inference.about import About
    from spikeseg_core.inference.segmenter import threshold_of

    scores = record.outcome.metrics.get("ann", {})
    shown = {name.removeprefix("test/"): scores.get(name) for name in SCORES}
    return About(
        name=f"{record.preset} {record.key[:8]}",
        threshold=threshold_of(gathered),
        tiles_per_axis=dataset.tiles_per_axis,
        dataset=f"{len(dataset.images)} sections of {dataset.source} ({dataset.sha256[:12]})",
        grey=dataset.images.dtype.name,
        scores={name: value for name, value in shown.items() if value is not None},
    )
