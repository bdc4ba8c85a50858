from __future__ import annotations

from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from tasks.prefect import alert


def result(*moved: bool) -> dict[str, Any]:
    changes = [{"what": f"figure {i}", "own": 1.5, "moved": m} for i, m in enumerate(moved)]
    return {"changes": changes, "verdict": "1 of 2 figures moved", "mlflow_run_id": "0a1b"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "prefect.events.emit_event", lambda event, **what: found.append({"event": event} | what)
    )
    run = type("Run", (), {"id": "run-id", "name": "mine"})
    monkeypatch.setattr("prefect.runtime.flow_run", run)
    return found


def test_the_event_names_the_run_and_says_what_moved(sent: list[dict[str, Any]]) -> None:
    alert.raise_alert(result(False, True))
    (event,) = sent
    assert event["event"] == alert.EVENT
    assert event["resource"]["prefect.resource.id"] == "prefect.flow-run.run-id"
    assert event["payload"]["moved"] == {"figure 1": 1.5}
    assert event["payload"]["verdict"] == "1 of 2 figures moved"


@pytest.mark.parametrize("moved", [(), (False, False)])
def test_nothing_moved_nothing_sent(moved: tuple[bool, ...], sent: list[dict[str, Any]]) -> None:
    alert.raise_alert(result(*moved))
    assert sent == []


def test_without_a_run_nothing_is_sent(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect.runtime.flow_run", type("Run", (), {"id": None}))
    alert.raise_alert(result(True))
    assert sent == []


def test_the_run_ends_as_moved_and_still_returns_its_result(sent: list[dict[str, Any]]) -> None:
    state = alert.ended(result(False, True))
    assert (state.type, state.name) == (StateType.COMPLETED, alert.STATE)
    assert (state.message, state.data) == ("1 of 2 figures moved", result(False, True))
    assert alert.ended(result(False)) == result(False)


def test_without_a_run_there_is_no_state(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect.runtime.flow_run", type("Run", (), {"id": None}))
    assert alert.ended(result(True)) == result(True)


def test_the_automation_waits_for_the_event_alone() -> None:
    trigger = alert.automation().trigger
    assert trigger.expect == {alert.EVENT}  # type: ignore[union-attr]
    assert trigger.after == set()  # type: ignore[union-attr]
