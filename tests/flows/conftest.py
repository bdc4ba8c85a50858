from __future__ import annotations

from typing import Any

import pytest

from tasks.mlflow import models
from tests.fakes import FakeStages


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    stages = FakeStages()
    stages.put_in_place(monkeypatch)
    monkeypatch.setattr(models, "log", lambda *model: None)  # fakes leave no network behind
    return stages


@pytest.fixture
def summary() -> dict[str, Any]:
    """What a pipeline run on synthetic data concludes with, shortened."""

    def figure(component: str, mj: float, basis: str) -> dict[str, Any]:
        return {
            "label": "Loihi, deployed",
            "precision": "int8",
            "batch": 1,
            "component": component,
            "mj_per_section": mj,
            "seconds_per_section": 0.05,
            "basis": basis,
            "source": "a test",
        }

    return {
        "preset": "quick",
        "config": {"preset": "quick"},
        "dataset": {"source": "synthetic", "synthetic": True, "note": "made <script> up"},
        "stages": {
            "ann": {"test/pixel_accuracy": 0.91, "test/v_rand": 0.97},
            "loihi": {"test/pixel_accuracy": 0.90, "test/v_rand": None},
        },
        "losses": {
            "steps": [
                {
                    "step": "spikes",
                    "from": "ann",
                    "to": "loihi",
                    "pixel_accuracy": -0.01,
                    "membrane_iou": -0.02,
                    "v_rand": -0.03,
                    "v_info": -0.04,
                }
            ],
            "warnings": ["v_rand is 0.0300 below the ANN's"],
        },
        "mapping": {
            "cores": 93,
            "chips": 1,
            "cores_per_chip": [93],
            "metrics": {"mapping/messages_per_step": 2674.9},
        },
        "energy": {
            "figures": [
                figure("dynamic", 25.6, "modelled"),
                figure("total", 33.7, "modelled"),
                figure("total", 5.9, "published"),
            ],
            "metrics": {},
        },
        "minutes": {"prepare": 0.1, "train": 2.0},
        "reused": ["prepare"],
        "mlflow": {"tracking_uri": "sqlite:///x", "experiment": "spikeseg", "run_id": "1"},
        "prefect": {"flow_run_id": "2", "url": None, "api": "embedded"},
        "model": None,
        "report": "report.html",
    }
