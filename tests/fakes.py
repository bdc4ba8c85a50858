"""Eight fake stages that write, count and report, and take no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.splits import contiguous_splits, fold_splits
from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.figures import stages as pictures
from spikeseg_core.network.catalogue import network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages import artifacts, table
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import digest_json, save_arrays, save_table, write_json

SCORES = {"test/pixel_accuracy": 0.91, "test/v_rand": 0.97, "validation/v_rand": 0.93}
TAGS = {
    "train": ("ann",),
    "tune": ("rate_tuned",),
    "convert": ("snn_rate", "snn_spiking"),
    "deploy": ("loihi",),
}


class FakeStages:
    """Stage functions by name, with a count of their calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.drawn: Counter[str] = Counter()
        self.fail_once: dict[str, BaseException] = {}

    def put_in_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the real stages, the drawing of their pictures, and what reads their arrays."""
        monkeypatch.setattr(table, "function", self.function)
        monkeypatch.setattr(pictures, "draw", self.draw)
        monkeypatch.setattr("tasks.sweep_point.agglomerated_sections", agglomerated)

    def draw(
        self, name: str, config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
    ) -> tuple[Path, ...]:
        """Stand in for :func:`spikeseg_core.figures.stages.draw`."""
        self.drawn[name] += 1
        path = folder / f"{name}-picture.png"
        path.write_bytes(PNG)
        return (path,)

    def function(self, stage):  # type: ignore[no-untyped-def]
        """Stand in for :func:`spikeseg_core.stages.table.function`."""

        def run(
            config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
        ) -> StageResult:
            self.calls[stage.name] += 1
            assert set(inputs) == set(stage.upstream)
            report.say(f"fake {stage.name}")
            first = _checkpoint(folder)
            for epoch in range(first, 3):
                report.progress(epoch + 1, 3, f"epoch {epoch}")
                report.metric("train/loss", 1 / (epoch + 1), epoch)
                write_json(folder / "checkpoints" / "last.json", {"epoch": epoch + 1})
                if epoch == 1 and stage.name in self.fail_once:
                    raise self.fail_once.pop(stage.name)
            return _result(stage.name, config, inputs, folder, first)

        return run


def agglomerated(folders: Mapping[str, Path]) -> list[dict[str, object]]:
    """Stand in for :func:`spikeseg_core.sweep.agglomerated.agglomerated_sections`: .01 better."""
    if "deploy" not in folders:
        return []
    table = pd.read_parquet(folders["deploy"] / artifacts.SECTION_SCORES)
    table = table[table["split"] == "test"].assign(segmentation="loihi_agglomerated")
    table["v_rand"] += 0.01
    return [{str(k): v for k, v in row.items()} for row in table.to_dict(orient="records")]


def _checkpoint(folder: Path) -> int:
    import json

    path = folder / "checkpoints" / "last.json"
    return int(json.loads(path.read_text())["epoch"]) if path.exists() else 0


def _result(
    name: str, config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, resumed_at: int
) -> StageResult:
    read = {key: sorted(p.name for p in path.iterdir()) for key, path in inputs.items()}
    made = {"stage": name, "network": network(config.train.network).to_json()["name"], "read": read}
    if name == "prepare":
        made["folds"] = [config.dataset.folds, config.dataset.fold]
    if name == "train":
        made["epochs"] = config.train.epochs
    if name == "convert":
        made["steps"] = config.presentation.steps
    write_json(folder / "made.json", made)
    save_arrays(folder / "made.npz", {"x": np.arange(5)})
    facts: dict[str, object] = {"digest": digest_json(made), "resumed_at": resumed_at}
    if name == "prepare":
        synthetic = config.dataset.source != "isbi2012"
        facts |= {
            "source": "synthetic" if synthetic else "isbi2012",
            "synthetic": synthetic,
            "sha256": "ab" * 32,
            "pixels_sha256": ("cd" if synthetic else "ef") * 32,
            "note": "made up",
            "shape": (30, 64, 64),
        }
    if name == "quantize":
        facts |= {"cores": np.int64(37), "neurons_on_chip": 40_000}
    if name == "partition":
        facts |= {"chips": 1}
    metrics = {tag: dict(SCORES) for tag in TAGS.get(name, ())}
    if metrics:
        table = pd.concat([section_scores(tag, config) for tag in metrics], ignore_index=True)
        save_table(table, folder / artifacts.SECTION_SCORES)
    if name == "partition":
        metrics["partition"] = {"mapping/interchip_messages_per_step": 0.0}
    for tag in ("snn_spiking", "loihi"):
        if tag in metrics:
            metrics[tag] |= {"spikes/mean_rate_hz": 17.0}
    if name == "benchmark":
        metrics["benchmark"] = {"energy/total_mj": 7.5}
        facts |= {"steps": 100, "figures": [energy_figure(*device) for device in DEVICES]}
    return StageResult(metrics=metrics, facts=facts)


DEVICES = (
    ("Loihi, deployed", "loihi", False, 7.5),
    ("Loihi, deployed, with host", "loihi", True, 10.0),
    ("CPU", "cpu", False, 30.0),
)
"""Label, family, whether the host is included, and mJ per section."""


def energy_figure(label: str, family: str, host: bool, mj: float) -> dict[str, object]:
    return {
        "label": label,
        "family": family,
        "variant": "",
        "presentation": "deployed" if family == "loihi" else None,
        "feed": "tiles",
        "host": host,
        "precision": "int8",
        "batch": 1,
        "component": "total",
        "mj_per_section": mj,
        "seconds_per_section": 0.1,
        "basis": "modelled",
        "time_basis": "modelled" if family == "loihi" else "measured",
        "source": "a test",
    }


SECTIONS = 30


def section_scores(tag: str, config: PipelineConfig) -> pd.DataFrame:
    """Made-up scores of the 30 sections' validation and test, by section, stage and seed."""
    data = config.dataset
    splits = (
        fold_splits(SECTIONS, data.folds, data.fold)
        if data.folds > 1
        else contiguous_splits(SECTIONS, {"train": 20, "validation": 4, "test": 6})
    )
    order = [tag for tags in TAGS.values() for tag in tags]
    rng = np.random.default_rng(config.train.seed + 100 * config.train.epochs)
    hard = np.random.default_rng(7).normal(0, 0.02, SECTIONS)
    noise = rng.normal(0, 0.001, (len(order), SECTIONS))[order.index(tag)]
    parts = []
    for split in ("validation", "test"):
        chosen = splits[split]
        score = 0.95 + hard[chosen] + noise[chosen] - 0.002 * order.index(tag)
        scores = {name: score - 0.01 * i for i, name in enumerate(SECTION_SCORES)}
        parts.append(
            pd.DataFrame({"segmentation": tag, "split": split, "section": chosen} | scores)
        )
    return pd.concat(parts, ignore_index=True)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0"
    "000003010100c9fe92ef0000000049454e44ae426082"
)
"""A picture of one pixel."""
