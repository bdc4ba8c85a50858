from __future__ import annotations

from pathlib import Path

from tasks.folder import Outcome
from tasks.prefect.stage_page import markdown
from tests.fakes import DEVICES, PNG, energy_figure
from tests.tasks.runs import stage_record


def test_the_few_figures_by_segmentation_and_a_picture(tmp_path: Path) -> None:
    (tmp_path / "rates.png").write_bytes(PNG)
    metrics = {
        "snn_rate": {"test/v_rand": 0.95, "test/v_rand_threshold": 0.1},
        "snn_spiking": {"test/v_rand": 0.97, "spikes/mean_rate_hz": 21.48},
    }
    outcome = Outcome(metrics=metrics, figures=["rates.png"])
    record = stage_record("convert", outcome=outcome, seconds=90.0)
    text = markdown(record, tmp_path, "[abc](http://host/abc)")
    assert text.startswith(
        "**Convert to spikes**, 1.5 min\n\n| | SNN in NengoDL, rates | SNN in NengoDL, spikes |\n"
    )
    assert "| V_Rand, test | 0.95 | 0.97 |\n| mean rate, Hz | – | 21.48 |" in text
    assert "threshold" not in text
    assert "![rates](data:image/png;base64," in text
    assert "MLflow run: [abc](http://host/abc)" in text


def test_energies_of_the_headline(tmp_path: Path) -> None:
    facts = {"figures": [energy_figure(*device) for device in DEVICES]}
    text = markdown(stage_record("benchmark", outcome=Outcome(facts=facts)), tmp_path, None)
    assert "| chip with host | 10 | modelled |\n| cpu | 30 | modelled |" in text
    assert "not logged yet" in text


def test_without_figures_there_is_no_table(tmp_path: Path) -> None:
    assert "|" not in markdown(stage_record("prepare"), tmp_path, None)
