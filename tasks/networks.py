"""`spikeseg map` and `spikeseg emulate`: other people's networks on the chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

RESULT = "result.json"
CALIBRATION = 64


def map(  # noqa: A001 - the name of the command
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="Network as .keras, .h5, .onnx or .nir."),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the mapped network.")],
    board: Annotated[
        int, typer.Option(min=1, max=768, help="Chips: 2 on Kapoho Bay, 8 to 32 on Nahuku.")
    ] = 2,
    *,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="X.npy",
            help="Items of the input, as the model takes them; the first 64 set the scale of every "
            "layer's spike rates. Default: noise between 0 and 1.",
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=1, max=500, help="Rate in Hz of a layer's largest activations (99.9th percentile)."
        ),
    ] = 100.0,
    weight_bits: Annotated[int, typer.Option(min=2, max=8, help="Bits per weight.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the noise and the placement.")] = 0,
) -> None:
    """Map a network from Keras, ONNX or NIR onto Loihi: fit, tiles, chips, integers.

    Convolutions (also depthwise and transposed), dense layers, batch norm, average pooling,
    upsampling, padding, concatenation, addition and ReLU are mapped; ReLUs become neurons, batch
    norm is folded. The host computes the first layer, sends its spikes, and reads out the last.
    What cannot be mapped is named, layer by layer, with what would fit.
    """
    import numpy as np

    from spikeseg_core.frontends.mapped import map_graph
    from spikeseg_core.frontends.reading import read_model
    from spikeseg_core.loihi.chip import Board
    from spikeseg_core.storage import write_json
    from tasks.terminal import TerminalReporter

    graph = read_model(model)
    items = _items(graph, calibration)
    if items is None:
        items = np.random.default_rng(seed).uniform(size=(8, *graph.input_shape))
        items = items.astype(np.float32)
        typer.echo("no --calibration: the layers' scales are those of noise, not of your data")
    mapped = map_graph(
        graph,
        Board(board),
        items[:CALIBRATION],
        max_rate_hz=rate,
        weight_bits=weight_bits,
        seed=seed,
        report=TerminalReporter("map"),
    )
    mapped.save(out)
    rows, chips = mapped.fit(), mapped.placement.cores_per_chip.tolist()
    write_json(out / RESULT, {"network": graph.name, "fit": rows, "cores_per_chip": chips})
    _table(f"{graph.name} on {len(chips)} chips", rows)
    typer.echo(
        f"{mapped.integer.n_blocks} cores ({' + '.join(str(n) for n in chips)}) for "
        f"{graph.neurons_on_chip:,} neurons"
    )
    typer.echo(f"mapped     {out}\nnext       spikeseg emulate {out} --input X.npy")


def emulate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `spikeseg map` wrote.")],
    given: Annotated[
        Path,
        typer.Option(
            "--input", metavar="X.npy", help="Items of the input, as the model takes them."
        ),
    ],
    steps: Annotated[
        int, typer.Option(min=1, max=100_000, help="Presentation of an item, in steps of 1 ms.")
    ] = 200,
    readout_start: Annotated[
        int | None, typer.Option(help="First step of the read-out; default: the middle.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for the results; default: FOLDER/emulated."),
    ] = None,
) -> None:
    """Run a mapped network on the emulator: output, spike rates, energy, correlation with the ANN.

    Spikes are those that NengoLoihi's emulator gives. Events are counted; energy is modelled from
    them and from published constants.
    """
    import numpy as np

    from spikeseg_core.bench.networks import row
    from spikeseg_core.frontends.emulation import emulate as run_items
    from spikeseg_core.frontends.mapped import MappedGraph
    from spikeseg_core.storage import save_arrays, write_json
    from tasks.terminal import TerminalReporter

    mapped = MappedGraph.load(folder)
    items = _items(mapped.graph, given)
    run = run_items(mapped, items, steps, readout_start, TerminalReporter("emulate"))
    result = row(mapped, run)
    out = out or folder / "emulated"
    arrays = {"output": run.output, "ann_output": run.expected}
    save_arrays(out / "rates.npz", arrays | {f"rate:{k}": v for k, v in run.rates.items()})
    write_json(out / RESULT, {"steps": steps, "correlation": dict(run.correlation), **result})
    rows = [
        {
            "layer": name,
            "mean rate, Hz": round(float(np.mean(rate)), 1),
            "correlation with the ANN": round(run.correlation[name], 3),
        }
        for name, rate in run.rates.items()
    ]
    _table(f"{len(run.output)} items of {steps} steps, counted", rows)
    typer.echo(
        f"output: correlation with the ANN {result['correlation_of_output']:.3f}, same maximum "
        f"{result['same_largest_output']:.1%}\n"
        f"modelled: {result['dynamic_mj']:.3g} mJ dynamic, {result['total_mj']:.3g} mJ in all, "
        f"{result['milliseconds']:.3g} ms an item; {result['messages_per_step']:.4g} messages "
        f"a step, {result['messages_between_chips']:.4g} of them between chips\nresults    {out}"
    )


def show(result: Mapping[str, Any]) -> None:
    """Print what ``spikeseg bench networks`` found."""
    shown = {
        "network": "network",
        "neurons": "neurons",
        "cores": "cores",
        "chips": "chips",
        "messages_per_step": "messages a step",
        "messages_between_chips": "between chips",
        "total_mj": "mJ an item",
        "mean_rate_hz": "Hz",
        "correlation": "correlation",
        "correlation_of_output": "of the output",
    }
    rows = [
        {
            title: f"{row[key]:.4g}" if isinstance(row[key], float) else row[key]
            for key, title in shown.items()
        }
        for row in result["networks"]
    ]
    shown_for = f"{result['items']} items of {result['steps']} steps"
    _table(f"{shown_for}; weights {result['weights']}; messages counted, energy modelled", rows)


def _items(graph: Any, path: Path | None) -> Any:
    """Items of a file, in the order of the graph; None without a file."""
    import numpy as np

    from spikeseg_core.errors import DataError

    if path is None:
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not an array ({error}); write it with numpy.save") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise DataError(f"{path} must hold one array of numbers, as numpy.save writes it")
    items = graph.items(found)
    if not np.isfinite(items).all():
        raise DataError(f"{path} has values that are not finite; replace them")
    return items


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    from tasks.terminal import plain_console

    table = Table(title=title)
    for name in rows[0]:
        number = isinstance(rows[0][name], int | float)
        table.add_column(name.replace("_", " "), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(f"{x:,}" if isinstance(x, int) else str(x) for x in row.values()))
    plain_console().print(table)
