from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import single
from spikeseg_core.errors import ConfigError
from tasks.mlflow import champion
from tasks.mlflow.promotion import Decision


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (
            lambda: single.run_stage_alone("tune", None, ["train.epochs=2"]),
            "stage 'tune' takes settings of tune, not of train",
        ),
        (lambda: single.run_stage_alone("prepare", "0123abcd", []), "is the first; .* no --after"),
        (
            lambda: single.run_benchmark(None, ["train.epochs=2"]),
            "settings of benchmark and tolerance, not of train",
        ),
        (lambda: single.run_promotion("paper", None, None, ["epochs=2"]), "epochs"),
        (lambda: single.run_promotion("paper", None, None, ["v_rand=no"]), "v_rand"),
        (lambda: single.run_report("paper", "0,one", []), "cannot read the seeds '0,one'"),
    ],
)
def test_a_mistake_is_refused_before_prefect_starts(
    run: Callable[[], Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "set_up_for_prefect", lambda: pytest.fail("Prefect started"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ConfigError, match=says):
        run()


def test_a_promotion_needs_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(single, "set_up_for_prefect", lambda: pytest.fail("Prefect started"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def promote(*words: Any) -> champion.Standing:
        asked.append(words)
        return champion.Standing("paper", "3", "champion", Decision("by hand", "Ada: a reason"))

    monkeypatch.setattr(champion, "promote", promote)
    result = single.run_promotion("paper@challenger", "a reason", "Ada", ["v_rand=0.02"])
    assert result["alias"] == "champion"
    ((*words, rule),) = asked
    assert (words, rule.v_rand) == (["paper@challenger", "a reason", "Ada"], 0.02)


@pytest.mark.usefixtures("prefect_server")
def test_a_value_out_of_bounds_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "set_up_for_prefect", lambda: None)
    with pytest.raises(ConfigError, match=r"train\.epochs"):
        single.run_stage_alone("train", None, ["train.epochs=0"])


def test_a_report_trains_nothing_unasked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "set_up_for_prefect", lambda: pytest.fail("Prefect started"))
    with pytest.raises(ConfigError, match=r"'quick' has no finished run with seed 3; .*--run-miss"):
        single.run_report("quick", "3", [])


@pytest.mark.usefixtures("prefect_server")
def test_a_report_of_finished_runs_needs_no_server(
    first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "set_up_for_prefect", lambda: pytest.fail("Prefect started"))
    monkeypatch.setattr(single, "share_console", lambda: None)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    result = single.run_report("quick", None, [])
    assert Path(result["report"]).is_file()
