"""Finished stages and sweeps in folders, without running any: small made-up numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.network import save_network
from spikeseg_core.stages import table as registry
from spikeseg_core.storage import digest_json, save_arrays, write_json
from spikeseg_core.sweep.definition import Sweep
from tests.fakes import PNG
from tests.spikeseg_core.loihi.networks import random_network, random_weights

SHA = "1d05" * 16
MACHINE = {
    "machine.processor": "a processor",
    "machine.cores": "2",
    "machine.memory_gib": "8",
    "machine.system": "Linux x86_64",
    "machine.fingerprint": "0123456789ab",
}


def scores(level: float) -> dict[str, float]:
    names = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info", "v_rand_at_validation_threshold")
    return {
        f"{split}/{name}": level - 0.01 * i
        for split in ("validation", "test")
        for i, name in enumerate(names)
    }


def figures(scale: float = 1.0) -> list[dict[str, Any]]:
    """Energy figures as JSON, three components of each device."""
    found = []
    for label, precision, batch, dynamic, static, seconds, basis in (
        ("Loihi, deployed", "int8", 1, 80.0, 20.0, 0.06, "modelled"),
        ("CPU", "int8", 1, 260.0, 460.0, 0.025, "modelled"),
        ("CPU", "int8", 16, 170.0, 310.0, 0.017, "measured"),
        ("GPU, keyword spotter", "as published", 1, 470.0, 310.0, 0.02, "published"),
    ):
        family, _, rest = label.partition(", ")
        parts = {"dynamic": dynamic, "static": static, "total": dynamic + static}
        found += [
            {
                "label": label,
                "family": family.lower(),
                "variant": "" if rest == "deployed" else rest,
                "presentation": "deployed" if rest == "deployed" else None,
                "feed": "tiles",
                "host": False,
                "precision": precision,
                "batch": batch,
                "component": component,
                "mj_per_section": mj * scale,
                "seconds_per_section": seconds,
                "basis": basis,
                "time_basis": "measured" if family == "CPU" else basis,
                "source": "a test",
                "note": "",
                "tiles": 16,
            }
            for component, mj in parts.items()
        ]
    return found


def operating(point: str, steps: float, share: float) -> dict[str, float]:
    found = {"mean_steps": steps, "loihi_total_mj": 200.0 * share, "v_rand": 0.95}
    tiles = {f"{point}/tiles": 9.0 if point == "operating_point" else 16.0}
    return tiles | {f"{point}/test/{name}": value for name, value in found.items()}


def outcomes(level: float, synthetic: bool) -> dict[str, dict[str, Any]]:
    """Metrics and facts of the eight stages."""
    rates = {
        "spikes/mean_rate_hz": 18.0 + level,
        "spikes/share_in_range": 0.97,
        "spikes/dead": 0.001,
    }
    return {
        "prepare": {
            "facts": {
                "source": "synthetic" if synthetic else "isbi2012",
                "synthetic": synthetic,
                "sha256": "aa" if synthetic else SHA,
                "note": "a dataset, 30 sections",
                "sections": {"train": 20, "validation": 4, "test": 6},
            }
        },
        "train": {
            "metrics": {"ann": scores(level)},
            "facts": {"network": {"name": "random", "layers": []}},
        },
        "tune": {"metrics": {"rate_tuned": scores(level - 0.002)}},
        "convert": {
            "metrics": {
                "snn_rate": scores(level - 0.002),
                "snn_spiking": scores(level - 0.004) | rates,
            }
        },
        "quantize": {
            "metrics": {
                "quantize": {
                    "mapping/neurons_on_chip": 235_008.0,
                    "mapping/neurons_off_chip": 55_296.0,
                    "quantize/weight_error": 0.011,
                    "quantize/largest_weight_error": 0.004,
                }
            }
        },
        "partition": {
            "metrics": {
                "partition": {
                    "mapping/chips": 2.0,
                    "mapping/cores": 256.0,
                    "mapping/messages_per_step": 21_000.0,
                    "mapping/interchip_messages_per_step": 1_225.0,
                }
            },
            "facts": {"strategy": "optimized"},
        },
        "deploy": {"metrics": {"loihi": scores(level - 0.003) | rates}},
        "benchmark": {
            "metrics": {
                "benchmark": {
                    "energy/loihi_total_mj": 100.0 * level,
                    "energy/ratio_cpu_int8_online": 7.2 / level,
                    "energy/ratio_cpu_int8_online_operating_point": 14.5 / level,
                    "energy/ratio_cpu_int8_online_operating_point_with_host": 6.5 / level,
                    "operating_point/energy_over_start": 0.45,
                    **operating("start", 200.0, 1.0),
                    **operating("operating_point", 51.5, 0.5),
                    "equal_accuracy/energy_over_start": 0.3,
                    **operating("equal_accuracy", 60.0, 0.3),
                    "as_good_as_start/energy_over_start": 0.62,
                    **operating("as_good_as_start", 124.0, 0.62),
                },
                "cpu_int8": scores(level - 0.001),
                "cpu_fp32": scores(level),
            },
            "facts": {
                "figures": figures(level),
                "steps": 100,
                "tiles_per_section": 16,
                "why_no_gpu": "GPU 0 is not there",
                "sensitivity": {
                    "headline": 7.2,
                    "swings": [
                        {
                            "unknown": "link between chips",
                            "low_case": "10 nJ, 200 ns",
                            "high_case": "0 nJ, 0 ns",
                            "low": 1.7,
                            "high": 7.5,
                        }
                    ],
                    "by_idle": {"dynamic over dynamic": 3.2, "total over chips and x86": 7.1},
                },
            },
        },
    }


def _write_files(stage: str, folder: Path, mapped: bool) -> dict[str, list[str]]:
    """Write what the report reads of a stage's files; names of its pictures and tables."""
    rng = np.random.default_rng(0)
    network = random_network(rng, channels=lambda rng: 4, size=16)
    tiles = {x.name: (4, 4, 4) for x in network.chip_layers()}
    layers = [x.name for x in network.layers]
    if stage == "tune" and mapped:
        save_network(folder, network, random_weights(rng, network))
    if stage == "convert" and mapped:
        save_arrays(
            folder / "rates.npz",
            {x.name: rng.gamma(0.5, 40.0, network.shape(x.name)) for x in network.layers},
        )
    if stage == "quantize":
        chips = partition("metis", traffic(network, tiles)).chips
        CoreMapping(tiles, chips).save(folder / "mapping.json")
        pd.DataFrame(
            {
                "layer": list(tiles),
                "tile": ["4x4x4"] * len(tiles),
                "cores": 16,
                "compartments_used": 0.5,
                "synapse_bits_used": 0.9,
                "weight_error": 0.01,
                "weight_exponents": "0 to 0",
                "thresholds": "34816 to 35008",
            }
        ).to_parquet(folder / "cores.parquet")
        return {"tables": ["cores.parquet"]}
    if stage == "deploy":
        pd.DataFrame(
            {
                "layer": layers,
                "on_chip": [x.on_chip for x in network.layers],
                "neurons": 64,
                "mean_rate_hz": 18.0,
                "percentile_rate_hz": 90.0,
                "share_in_range": 0.97,
                "dead": 0.0,
            }
        ).to_parquet(folder / "rates.parquet")
        (folder / "sections_loihi.png").write_bytes(PNG)
        return {"tables": ["rates.parquet"], "figures": ["sections_loihi.png"]}
    if stage == "benchmark":
        for name in ("energy.png", "tornado.png", "operating_points.png"):
            (folder / name).write_bytes(PNG)
        anytime = {"steps": [50, 100], "loihi_dynamic_mj": [38.0, 80.0]}
        anytime |= {"loihi_total_mj": [48.0, 100.0]}
        for name in scores(0):
            anytime[name] = [0.93, 0.95]
        pd.DataFrame(anytime).to_parquet(folder / "anytime.parquet")
        idle = {"loihi": "Loihi, deployed", "baseline": "CPU, int8"}
        idle |= {"idle": "total over chips and x86"}
        pd.DataFrame([idle | {"ratio": 7.1}]).to_parquet(folder / "idle.parquet")
        points = pd.DataFrame(
            {
                "point": ["200 steps, last 50% read", "100 steps, stopped at a change of 0.02"],
                "front": [False, True],
                "start": [True, False],
                "chosen": [False, True],
                "equal_accuracy": [False, True],
                "as_good_as_start": [True, False],
            }
        )
        for name in ("pixel_accuracy", "v_rand", "mean_steps", "loihi_total_mj"):
            for split in ("validation", "test"):
                points[f"{split}/{name}"] = [0.95, 0.94]
        points.to_parquet(folder / "operating_points.parquet")
        return {"figures": ["energy.png", "tornado.png"], "tables": ["idle.parquet"]}
    write_json(folder / "made.json", {"stage": stage})
    return {}


def write_pipeline(
    stages: Path,
    level: float,
    config: PipelineConfig | None = None,
    *,
    synthetic: bool = False,
    mapped: bool = True,
    started: float = 1e9,
) -> list[Path]:
    """Write the folders of a finished pipeline whose ANN scores ``level``."""
    config = config or preset("paper")
    folders, inputs = [], {}
    for name, found in outcomes(level, synthetic).items():
        key = digest_json([name, level, synthetic, config.model_dump(mode="json")])[:40]
        folder = stages / f"{name}-{key[:16]}"
        folder.mkdir(parents=True)
        files = _write_files(name, folder, mapped)
        outcome: dict[str, Any] = {"metrics": {}, "facts": {}, "figures": [], "tables": []}
        account = {
            "stage": name,
            "key": key,
            "sha256": key,
            "inputs": dict(inputs),
            "preset": config.preset,
            "settings": registry.settings(name, config),
            "code": "c",
            "outcome": outcome | files | found,
            "started": started,
            "seconds": 60.0,
            "versions": {"python": "3.11", "numpy": "1.26.4"},
            "machine": MACHINE,
        }
        write_json(folder / "stage.json", account)
        inputs[name] = key
        folders.append(folder)
    return folders


def write_sweep(folder: Path, sweep: Sweep, values: Mapping[str, Mapping[int, float]]) -> Path:
    """Write the folder of a finished sweep: a value of every metric by point and seed."""
    names = sweep.read_metrics()
    rows, runs = [], []
    for point, seeds in values.items():
        for seed, value in seeds.items():
            found = dict.fromkeys(names, value)
            runs.append({"point": point, "seed": seed, "status": "done", **found})
        middle = float(np.median(list(seeds.values())))
        row: dict[str, Any] = {"point": point, "status": "done", "front": True, "chosen": False}
        for name in names:
            row |= {name: middle, f"{name} (min)": middle, f"{name} (max)": middle}
        rows.append(row)
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "points.parquet")
    pd.DataFrame(runs).to_parquet(folder / "runs.parquet")
    write_json(folder / "definition.json", sweep.model_dump(mode="json"))
    (folder / "pareto.png").write_bytes(PNG)
    return folder


def ablation(title: str, setting: str, *metrics: str) -> Sweep:
    return Sweep(title=title, preset="paper", grid={setting: (4, 8)}, metrics=metrics)


SWEEPS = {
    "rates": (
        ablation("Rates", "tune.rate_max_hz", "loihi/spikes/mean_rate_hz"),
        {"tune.rate_max_hz=4": {0: 17.125}},
    ),
    "bits": (
        ablation("Bits", "quantize.weight_bits", "loihi/test/v_rand"),
        {"quantize.weight_bits=4": {0: 0.881, 1: 0.883, 2: 0.887}},
    ),
}


def mapping_result(network: str = "random") -> dict[str, Any]:
    """Result of ``spikeseg bench mapping``."""
    strategy = {
        "cores": 256,
        "chips": 2,
        "interchip_messages": 1225.0,
        "time_per_step_us": 32.6,
        "energy_per_step_uj": 50.1,
        "static_energy_per_step_uj": 11.0,
        "waits_for": "core 3 (layer a)",
    }
    slow = strategy | {"time_per_step_us": 73.8}
    return {"networks": [{"name": network, "strategies": {"greedy": slow, "optimized": strategy}}]}


def seeded(config: PipelineConfig, seed: int) -> PipelineConfig:
    parts = {p: getattr(config, p).model_copy(update={"seed": seed}) for p in ("train", "tune")}
    return config.model_copy(update=parts)


def short_summary() -> dict[str, Any]:
    """What a pipeline run on synthetic data concludes with, shortened."""
    changes = {"pixel_accuracy": -0.01, "membrane_iou": -0.02, "v_rand": -0.03, "v_info": -0.04}
    return {
        "preset": "quick",
        "config": {"preset": "quick", "dataset": {"folds": 1, "fold": 0}, "train": {"seed": 0}},
        "started": "2026-11-30T12:00:00+00:00",
        "dataset": {"source": "synthetic", "synthetic": True, "note": "made <script> up"},
        "stages": {
            "ann": {"test/pixel_accuracy": 0.91, "test/v_rand": 0.97},
            "loihi": {"test/pixel_accuracy": 0.90, "test/v_rand": None},
        },
        "losses": {
            "steps": [{"step": "spikes", "from": "ann", "to": "loihi", **changes}],
            "warnings": ["v_rand is 0.0300 below the ANN's"],
            "tolerance": {"v_rand": 0.01},
        },
        "mapping": {
            "cores": 93,
            "chips": 1,
            "cores_per_chip": [93],
            "metrics": {"mapping/messages_per_step": 2674.9},
        },
        "energy": {
            "figures": [f for f in figures() if f["family"] in ("loihi", "gpu")],
            "metrics": {},
        },
        "minutes": {"prepare": 0.1, "train": 2.0},
        "reused": ["prepare"],
        "mlflow": {
            "tracking_uri": "sqlite:///x",
            "experiment": "spikeseg",
            "run_id": "1",
            "page": "http://127.0.0.1:5000/#/experiments/1/runs/1",
        },
        "prefect": {"flow_run_id": "2", "url": None, "api": "embedded"},
        "model": None,
        "report": "report.html",
    }
