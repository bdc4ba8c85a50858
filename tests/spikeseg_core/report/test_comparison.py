from dataclasses import replace

from spikeseg_core.report.comparison import ComparedRun, comparison_table, differences


def run(name: str, epochs: int, accuracy: float | None) -> ComparedRun:
    metrics = {"loihi/test/dice": 0.5}
    if accuracy is not None:
        metrics["loihi/test/v_rand"] = accuracy
    settings = {"train.epochs": str(epochs), "preset": "quick"}
    return ComparedRun(
        "0123456789", name, {"kind": "pipeline"}, settings, {"sha": name * 40}, {"v": "1"}, metrics
    )


def test_what_differs_and_the_main_results() -> None:
    runs = [run("a", 3, 0.9), run("b", 4, 0.91)]
    found = differences(runs)
    assert found["settings"] == {"train.epochs": ["3", "4"]}
    assert found["code"] == {}
    assert found["results"] == {"loihi/test/v_rand": [0.9, 0.91]}
    assert "loihi/test/dice" in differences(runs, everything=True)["results"]
    table = comparison_table(runs, found)
    assert table.heading == ["", "a\n01234567", "b\n01234567", "change"]
    rows = {str(row[0]).strip(): row[1:] for row in table.rows}
    assert rows["kind"] == ["pipeline", "pipeline", ""]
    assert rows["loihi/test/v_rand"] == ["0.9000", "0.9100", "+0.01"]
    assert rows["sha"] == ["a" * 12, "b" * 12, ""]
    assert rows["CODE"] == ["the same", "the same", ""]


def test_a_value_that_a_run_does_not_have() -> None:
    runs = [run("a", 3, 0.5), run("b", 3, None), run("c", 3, 1.0)]
    rows = {str(row[0]).strip(): row[1:] for row in comparison_table(runs, differences(runs)).rows}
    assert rows["loihi/test/v_rand"] == ["0.5000", "-", "1"]
    runs = [runs[0], runs[2]]
    rows = {str(row[0]).strip(): row[1:] for row in comparison_table(runs, differences(runs)).rows}
    assert rows["loihi/test/v_rand"] == ["0.5000", "1", "+0.5 (2.00 x)"]


def test_what_a_busy_machine_disturbed_is_marked_and_not_compared() -> None:
    names = ("benchmark/energy/cpu_int8_total_mj", "benchmark/energy/loihi_total_mj")
    runs = [
        replace(run(name, 3, 0.9), metrics={**dict.fromkeys(names, mj), "benchmark/busy": busy})
        for name, mj, busy in (("a", 100.0, 0.0), ("b", 900.0, 1.0))
    ]
    rows = {str(row[0]).strip(): row[1:] for row in comparison_table(runs, differences(runs)).rows}
    assert rows[names[0]] == ["100", "900 (busy)", "not compared"]
    assert rows[names[1]] == ["100", "900", "+800 (9.00 x)"]
