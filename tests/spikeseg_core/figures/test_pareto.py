from pathlib import Path

import pandas as pd
from PIL import Image

from spikeseg_core.figures.pareto import pareto_figure

X, Y, TEST = "benchmark/energy/loihi_total_mj", "loihi/validation/v_rand", "loihi/test/v_rand"


def table(count: int) -> pd.DataFrame:
    rows = pd.DataFrame({"point": [f"point {i}" for i in range(count)]})
    for name in (X, Y, TEST):
        rows[name] = [0.1 * i + 0.5 for i in range(count)]
        rows[f"{name} (min)"], rows[f"{name} (max)"] = rows[name] - 0.1, rows[name] + 0.05
    rows.loc[count - 1, Y] = float("nan")  # one that failed
    return rows.assign(front=rows.index < 2, chosen=rows.index == 1)


def test_validation_and_test_side_by_side(tmp_path: Path) -> None:
    first = pareto_figure(table(5), X, Y, tmp_path / "a.png", "Energy")
    assert pareto_figure(table(5), X, Y, tmp_path / "b.png", "Energy").read_bytes() == (
        first.read_bytes()
    )
    alone = pareto_figure(table(20).drop(columns=[TEST]), X, Y, tmp_path / "c.png")
    with Image.open(first) as two, Image.open(alone) as one:
        assert two.width > 1.5 * one.width


def test_a_sweep_of_which_all_failed_is_drawn(tmp_path: Path) -> None:
    rows = table(3).assign(front=False, chosen=False)
    rows[[X, Y, TEST]] = float("nan")
    assert pareto_figure(rows, X, Y, tmp_path / "a.png").exists()
