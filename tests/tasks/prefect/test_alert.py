from __future__ import annotations

from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from tasks.prefect import alert


def result(*moved: bool) -> dict[str, Any]:
    changes = [{"what": f"figure {i}", "ratio": 1.5, "moved": m} for i, m in enumerate(moved)]
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


def test_the_automation_marks_the_run_once_it_has_completed() -> None:
    made = alert.automation()
    assert made.trigger.after == {alert.EVENT}  # type: ignore[union-attr]
    assert made.trigger.expect == {"prefect.flow-run.Completed"}  # type: ignore[union-attr]
    (action,) = made.actions
    assert (action.state, action.name) == (StateType.COMPLETED, "Moved")  # type: ignore[union-attr]
