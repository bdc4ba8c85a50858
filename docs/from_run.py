"""Pictures and tables of the documentation, made from finished runs.

``python docs/from_run.py picture RUN``   the section beside what the emulated chips found in it
``python docs/from_run.py animation RUN`` spikes building up a segmentation, step by step
``python docs/from_run.py scores PAGE RUN...`` the table of scores in a page, medians over runs
``python docs/from_run.py folds PAGE RUN`` the same table, of a cross-validation, with intervals

RUN is a folder of ``.spikeseg/runs`` with its ``summary.json``, or ``cross-validation.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.sections import grey_picture, overview_figure
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import load_arrays, write_text

IMAGES = Path(__file__).parent / "images"
START, END = "<!-- scores -->", "<!-- /scores -->"
SCORES = {
    "pixel accuracy": ("test/pixel_accuracy", 4),
    "membrane IoU": ("test/membrane_iou", 3),
    "V_Rand": ("test/v_rand", 3),
    "V_Info": ("test/v_info", 3),
}
NAMES = {
    "ann": "ANN",
    "rate_tuned": "rate-tuned ANN",
    "snn_spiking": "spikes, floating point (NengoDL)",
    "loihi": "**Loihi, emulated: 8-bit integers**",
}
ON_HOST = {
    "ann_agglomerated": "ANN, cells by agglomeration on the host",
    "loihi_agglomerated": "Loihi, cells by agglomeration on the host",
}
EVERY = 4
"""Steps between two frames of the animation."""
MILLISECONDS = 200
GREYS = 16


def picture(run: Path) -> Path:
    """Draw the first test section beside its truth and what the emulated chips found."""
    summary, stages = _read(run)
    dataset = load_dataset(stages["prepare"])
    section, found = dataset.splits["test"][0], load_arrays(stages["deploy"] / probability("loihi"))
    chips = summary["mapping"]["chips"]
    path = overview_figure(
        dataset.images[section],
        dataset.labels[section],
        {f"membrane, by {chips} emulated chip{'s'[: chips - 1]}": found["test"][0]},
        IMAGES / "segmentation.png",
        columns=3,
        title=f"{_about(summary)}; never seen in training",
    )
    path.with_suffix(".svg").unlink()  # a photograph is no smaller as vectors
    return path


def animation(run: Path, side: int = 240) -> Path:
    """Draw what can be read out after every few steps, as an animated picture."""
    # These import TensorFlow, which the other commands need not wait for.
    from spikeseg_core.loihi.run.emulated import emulate
    from spikeseg_core.stages.mapped import load_mapped

    summary, stages = _read(run)
    config = PipelineConfig.model_validate(summary["config"])
    dataset, shown = load_dataset(stages["prepare"]), config.presentation
    section = int(dataset.splits["test"][0])
    last = range(EVERY, shown.steps + 1, EVERY)
    windows = [(int(step * (1 - shown.readout_window)), step) for step in last]
    tiles = dataset.grid.cut(dataset.split("test")[0][:1])
    emulated = emulate(load_mapped(stages), tiles, shown.steps, windows)
    frames = []
    for window in windows:
        chance = dataset.grid.stitch(1 / (1 + np.exp(-emulated.logits[window])))[0]
        frame = np.hstack([grey_picture(dataset.images[section])[..., 0], 1 - chance])
        image = Image.fromarray((255 * np.clip(frame, 0, 1)).astype(np.uint8))
        image = image.resize((2 * side, side))
        canvas = Image.new("L", (2 * side, side + 20), 255)
        canvas.paste(image, (0, 20))
        told = f"{_about(summary)}: step {window[1]} of {shown.steps}"
        ImageDraw.Draw(canvas).text((6, 4), told, fill=0)
        frames.append(canvas.quantize(GREYS))
    path = IMAGES / "spikes.gif"
    held = [MILLISECONDS] * (len(frames) - 1) + [2000]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=held, loop=0)
    return path


def scores(page: Path, runs: Sequence[Path]) -> Path:
    """Write the table of scores between its marks in a page."""
    return _replaced(
        page, scores_table([json.loads((run / "summary.json").read_text()) for run in runs])
    )


def folds(page: Path, run: Path) -> Path:
    """Write the table of a cross-validation between its marks in a page."""
    return _replaced(page, folds_table(json.loads((run / "cross-validation.json").read_text())))


def _replaced(page: Path, table: str) -> Path:
    before, rest = page.read_text().split(START)
    _, after = rest.split(END)
    write_text(page, f"{before}{START}\n{table}\n{END}{after}")
    return page


def folds_table(found: Mapping[str, Any]) -> str:
    """Means over all sections with their 95 % intervals, a row per network."""
    scored = {score.removeprefix("test/"): title for title, (score, _) in SCORES.items()}
    lines = [f"| network | {' | '.join(scored.values())} |", "|---|" + "---|" * len(scored)]
    for tag, name in (NAMES | ON_HOST).items():
        if tag not in found["stages"]:
            continue
        cells = []
        for score, title in scored.items():
            ends, digits = found["stages"][tag][score], SCORES[title][1]
            mean, low, high = (
                f"{ends[end]:.{digits}f}".lstrip("0") for end in ("mean", "low", "high")
            )
            cells.append(f"{mean} [{low}, {high}]")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scores_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Medians over the runs, a row per network; scores are measured on the test sections."""
    lines = [
        f"| network | {' | '.join(SCORES)} | mean rate |",
        "|---|" + "---|" * (len(SCORES) + 1),
    ]
    for tag, name in NAMES.items():
        found = [summary["stages"][tag] for summary in summaries]
        cells = [
            f"{median(each[score] for each in found):.{digits}f}".lstrip("0")
            for score, digits in SCORES.values()
        ]
        rates = [each.get("spikes/mean_rate_hz") for each in found]
        cells.append("" if None in rates else f"{median(rates):.1f} Hz")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _read(run: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the summary of a run and the folders of its stages, found by their keys."""
    summary = json.loads((run / "summary.json").read_text())
    folder = run.parent.parent / "stages"
    runs = summary["mlflow"]["run_ids"].values()
    for path in folder.glob("deploy-*/stage.json"):
        record = json.loads(path.read_text())
        tracked = path.with_name("tracking.json").read_text()
        if any(run_id in tracked for run_id in runs):
            keys = {**record["inputs"], "deploy": record["key"]}
            return summary, {name: _stage(folder, name, key) for name, key in keys.items()}
    raise SystemExit(f"{folder} has no deployed network of {run}; name a finished run")


def _stage(folder: Path, name: str, key: str) -> Path:
    """Find a stage's folder, which is named after the beginning of its key."""
    return next(
        path
        for path in folder.glob(f"{name}-*")
        if key.startswith(path.name.removeprefix(f"{name}-"))
    )


def _about(summary: Mapping[str, Any]) -> str:
    data = "Synthetic section" if summary["dataset"]["synthetic"] else "Section of ISBI 2012"
    return f"{data}, network {summary['config']['train']['network']}"


COMMANDS: dict[str, Callable[..., Path]] = {
    "picture": picture,
    "animation": animation,
    "scores": lambda page, *runs: scores(page, runs),
    "folds": folds,
}

if __name__ == "__main__":
    command, *paths = sys.argv[1:] or ["help"]
    if command not in COMMANDS:
        raise SystemExit(__doc__)
    print(COMMANDS[command](*map(Path, paths)))
