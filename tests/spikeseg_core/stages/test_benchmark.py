from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.bench import energy as bench
from spikeseg_core.config import BenchmarkConfig, PipelineConfig
from spikeseg_core.config.tolerances import EQUAL_ACCURACY
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.devices.machine import Machine
from spikeseg_core.energy.figure import EnergyFigure, check_parts
from spikeseg_core.energy.sensitivity import with_steps
from spikeseg_core.evaluation.segment import SCORED_SPLITS, scored
from spikeseg_core.figures.stages.benchmark import draw_benchmark as draw
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.network import save_network
from spikeseg_core.presentation.levers import Lever
from spikeseg_core.presentation.operating_point import WAYS, OperatingPoints
from spikeseg_core.presentation.search import SCORES
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import benchmark
from spikeseg_core.stages.artifacts import ANYTIME, EVENTS, SECTION_SCORES
from spikeseg_core.stages.files import load_section_scores, save_section_scores
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.data.small import small_dataset
from tests.spikeseg_core.loihi.cost.networks import in_order, random_rates, small_network

NETWORK = small_network(16)
CONFIG = PipelineConfig(
    dataset=small_dataset(4, 2, 1, 2),
    benchmark=BenchmarkConfig(batch_size=2, repeats=2),
)


@pytest.fixture(autouse=True, scope="module")
def measured_once() -> Iterator[None]:
    """The machine is measured for real, but once for the tests that ask for the same batches."""
    real = benchmark.measure_machine
    known: dict[tuple[int, ...], Machine] = {}

    def measure(*what: Any, batches: tuple[int, ...], **how: Any) -> Machine:
        if batches not in known:
            known[batches] = real(*what, batches=batches, **how)
        return known[batches]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.0)
        patch.setattr("spikeseg_core.energy.devices.cpu.SECONDS_OF_CHOICE", 0.0)
        patch.setattr(benchmark, "measure_machine", measure)
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the stages before, as small as they can be."""
    root = tmp_path_factory.mktemp("stages")
    folders = {name: root / name for name in ("prepare", "train", "tune", "deploy")}
    dataset = prepare_dataset(CONFIG.dataset, NETWORK.tile, folders["prepare"])
    weights = weights_of(NETWORK, build_model(NETWORK))
    save_network(folders["train"], NETWORK, weights)
    save_network(folders["tune"], NETWORK, weights)
    tiles = {layer.name: (8, 8, 4) for layer in NETWORK.chip_layers()}
    events = events_from_rates(NETWORK, tiles, random_rates(NETWORK), 20, in_order(NETWORK, tiles))
    events.save(folders["deploy"] / EVENTS)
    truth = dataset.split("test")[1].astype(np.float16)
    save_arrays(folders["deploy"] / "probability_loihi.npz", {"test": truth})
    labels = {split: dataset.split(split)[1].astype(np.float32) for split in SCORED_SPLITS}
    save_section_scores(folders["deploy"], {"loihi": scored(labels, dataset).sections})
    return folders


def test_the_stage_writes_figures_that_add_up(inputs: dict[str, Path], tmp_path: Path) -> None:
    result = benchmark.run(CONFIG, inputs, tmp_path, SILENT)
    table = pd.read_parquet(tmp_path / "energy.parquet").astype(object)
    table = table.where(table.notna(), None)  # tiles, of whole sections
    figures = [EnergyFigure.from_json(row) for row in table.to_dict("records")]
    check_parts(figures)
    assert {f.label for f in figures} >= {
        "Loihi, deployed",
        "Loihi, pre-silicon, deployed",
        "Loihi, deployed, with host",
        "CPU",
    }
    assert {f.basis for f in figures} <= {"measured", "modelled", "published"}
    energy = json.loads((tmp_path / "energy.json").read_text())
    assert energy["figures"] == table.to_dict("records") == result.facts["figures"]
    assert energy["tiles_per_section"] == 16
    claimed = {claim["baseline_feed"] for claim in energy["claims"] if claim["equal_accuracy"]}
    assert claimed == {"tiles", "sections"}
    pictures = draw(CONFIG, inputs, tmp_path)
    assert {path.name for path in pictures} == {
        *("energy.png", "energy_narrow.png", "tornado.png", "tornado_narrow.png")
    }
    assert all(path.exists() for path in (*pictures, *result.tables))

    metrics = result.metrics["benchmark"]
    assert (metrics["busy"], energy["busy"]) == (float(energy["busy"]), result.facts["busy"])
    assert metrics["energy/loihi_total_mj"] > 0
    assert metrics["energy/cpu_int8_total_mj"] > 0
    assert metrics["energy/ratio_cpu_int8_online"] == pytest.approx(
        metrics["energy/cpu_int8_total_mj"] / metrics["energy/loihi_total_mj"]
    )
    for precision in ("fp32", "int8"):
        assert 0 <= result.metrics[f"cpu_{precision}"]["test/pixel_accuracy"] <= 1


def test_the_bench_has_the_keys_it_promises(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    found = bench.bench_energy(CONFIG, inputs)
    json.dumps(found)
    keys = {"family", "variant", "presentation", "feed", "host", "precision", "batch", "component"}
    keys |= {"mj_per_section", "seconds_per_section", "basis", "time_basis", "source", "label"}
    assert all(keys <= figure.keys() for figure in found["figures"])
    assert {f["component"] for f in found["figures"]} == {"dynamic", "static", "total"}
    for device in ("cpu", "cpu whole section"):
        assert set(found["accuracy"][device]) == {"fp32", "int8"}
    difference = 1 - found["accuracy"]["cpu"]["int8"]["test/pixel_accuracy"]
    assert found["pixel_accuracy_less_cpu_int8"] == {"loihi": pytest.approx(difference)}
    assert found["equal_accuracy"] == (difference <= EQUAL_ACCURACY)
    idle = pd.DataFrame(found["ratios_by_idle"])
    assert set(idle["loihi"]) == {"Loihi, deployed", "Loihi, deployed, with host"}
    assert set(idle["baseline"]) == {
        "CPU, int8",
        "CPU, whole sections, int8",
        "GPU, keyword spotter, as published",
    }
    assert len(idle) == 6 * 2 * 3
    assert found["operating_point"] is None  # the fixture's events are expected, not counted
    assert found["accuracy"]["loihi"]["int8"]["test/pixel_accuracy"] == 1
    assert "cpu_int8_online" in found["ratios"]
    assert set(found["overtaking_batch"]) == {
        f"{device}_{precision}{host}"
        for device in ("cpu", "cpu_whole_section")
        for precision in ("fp32", "int8")
        for host in ("", "_with_host")
    }


def test_the_operating_point_has_figures_scores_and_ratios_of_its_own(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = replace(EventCounts.load(inputs["deploy"] / EVENTS), basis="counted")
    counted.save(tmp_path / EVENTS)
    for name in ("probability_loihi.npz", SECTION_SCORES):
        copyfile(inputs["deploy"] / name, tmp_path / name)
    costs = {"mean_steps": [40.0, 10.0], "loihi_dynamic_mj": [4.0, 1.0]}
    costs |= {"loihi_total_mj": [5.0, 1.5], "loihi_with_host_mj": [9.0, 3.5]}
    columns = costs | {name: [0.9, 0.9] for name in SCORES}
    table = pd.DataFrame(
        {f"{split}/{name}": column for split in SCORED_SPLITS for name, column in columns.items()}
        | {"point": ["a", "b"], "tiles": [16, 9], "early_exit": [np.nan, 0.02], "front": True}
        | {"continuous": False}
        | {"tiles_per_axis": [4, 3], "steps": 40, "window": 0.5, "test/checks": [0.0, 3.0]}
        | {"start": [True, False], "chosen": [False, True], "validation/cross_entropy": 0.2}
        | {"equal_accuracy": [False, True], "as_good_as_start": [True, False]}
    )
    longest = Presented(with_steps(counted, 40), 16)
    settled = Presented(with_steps(counted, 10), 9, 3 / 16)
    sections = load_section_scores(inputs["deploy"], "loihi")
    points = OperatingPoints(
        table,
        {"start": longest, "chosen": settled, "equal_accuracy": settled},
        dict.fromkeys(WAYS, sections),
        {(): Lever("a", longest, sections), ("steps",): Lever("b", settled, sections)},
    )
    monkeypatch.setattr(benchmark, "load_search", lambda folder: True)
    monkeypatch.setattr(benchmark, "find_operating_point", lambda *args, **_: points)
    result = benchmark.run(CONFIG, {**inputs, "deploy": tmp_path}, tmp_path, SILENT)

    metrics = result.metrics["benchmark"]
    assert metrics["operating_point/energy_over_start"] == 0.3
    for way, shown in (("start", longest), ("operating_point", settled)):
        mj = shown.tiles * loihi_energy(shown.events).total_mj
        assert metrics[f"energy/loihi_{way}_total_mj"] == pytest.approx(mj)
    assert metrics["energy/ratio_cpu_int8_online_operating_point"] == pytest.approx(
        # The CPU gets the nine tiles that Loihi gets.
        (9 / 16 * metrics["energy/cpu_int8_total_mj"])
        / metrics["energy/loihi_operating_point_total_mj"]
    )
    idle = pd.read_parquet(tmp_path / "idle.parquet")
    ours = (idle["presentation"] == "operating point") & ~idle["host"]
    least = idle[ours & (idle["baseline"] == "CPU, int8")]["ratio"]
    assert metrics["energy/least_ratio_loihi_operating_point_against_cpu_int8"] == least.min()
    assert result.metrics["loihi_operating_point_int8"]["test/v_rand"] == 0.9
    facts = json.loads((tmp_path / "energy.json").read_text())
    assert facts["operating_point"]["chosen"]["early_exit"] == 0.02
    assert facts["operating_point"]["start"]["early_exit"] is None
    assert facts["operating_point"]["checks_per_tile"] == 3
    assert set(facts["pixel_accuracy_less_cpu_int8"]) == {"loihi", *(f"loihi {w}" for w in WAYS)}
    assert (
        metrics["energy/loihi_equal_accuracy_total_mj"]
        == metrics["energy/loihi_operating_point_total_mj"]
    )
    assert load_section_scores(tmp_path, "benchmark/operating_point").equals(sections)
    assert len(load_section_scores(tmp_path, "cpu_int8")) == len(sections)
    assert all(claim["equal_accuracy"] for claim in facts["claims"])
    none, steps = facts["levers"]
    assert (none["open"], steps["open"], steps["point"]) == ([], ["steps"], "b")
    for lever, way in ((none, "start"), (steps, "operating_point")):
        assert lever["loihi_mj"] == metrics[f"energy/loihi_{way}_total_mj"]
        assert lever["with_host_mj"] == metrics[f"energy/loihi_{way}_with_host_total_mj"]
        assert load_section_scores(tmp_path, lever["scores"]).equals(sections)
    assert pd.read_parquet(tmp_path / ANYTIME)["loihi_total_mj"].tolist() == [5.0]
    drawn = {path.name for path in draw(CONFIG, inputs, tmp_path)}
    assert drawn == {
        f"{name}{end}.png"
        for name in ("energy", "tornado", "anytime", "operating_points")
        for end in ("", "_narrow")
    }
