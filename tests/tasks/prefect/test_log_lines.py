from __future__ import annotations

import logging

import pytest

from tasks.prefect.log_lines import Lines, Plain


def record(message: str, level: int = logging.INFO, **more: str) -> logging.LogRecord:
    found = logging.LogRecord("prefect.task_runs", level, "f", 1, message, (), None)
    found.__dict__.update(more)
    return found


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIKESEG_VERBOSITY", raising=False)


@pytest.mark.parametrize(
    "message",
    [
        "Beginning flow run 'quick-auto' for flow 'pipeline'",
        "Created task run 'train-0' for task 'Train the ANN'",
        "Crash detected! Execution was cancelled by the runtime environment.",
        "Finished in state Failed('...')",
        "Encountered exception during execution: DataError('no labels')",
        "prepare is already finished; using prepare-940255dbda08ee44",
        "The Dask dashboard is available at http://127.0.0.1:8787/status",
    ],
)
def test_prefects_own_lines_are_for_its_page(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Lines().filter(record(message))
    monkeypatch.setenv("SPIKESEG_VERBOSITY", "verbose")
    assert Lines().filter(record(message))


@pytest.mark.parametrize(
    ("state", "says"), [("Completed()", "done"), ("Cached(type=COMPLETED)", "already finished")]
)
def test_a_stage_ends_in_a_line(state: str, says: str) -> None:
    ended = record(f"Finished in state {state}", task_run_name="train-quick", task_run_id="1")
    assert Lines().filter(ended)
    assert Plain().format(ended).endswith(f"  train-quick: {says}")
    assert not Lines().filter(record(f"Finished in state {state}", flow_run_name="quick"))


def test_what_stages_say_is_printed_with_brackets_and_levels() -> None:
    said = record("resuming after epoch 3 in st [old]", logging.WARNING)
    assert Lines().filter(said)
    assert Plain().format(said).endswith("  warning: resuming after epoch 3 in st [old]")
