"""The corpus, and what fuzzing once found: each returns, or ends in one message."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS, run

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
QUICK = ("folder_settings", "settings", "sweep", "record", "servers", "summary", "sent")
SLOW = ("model_name",)  # a database
TEXTS = st.text(st.sampled_from(" \n\t-:{}[],.\"'&*!|>%@#=0123456789abeInNtf_\\~?"), max_size=60)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a target sets for itself ends with the test."""
    for name in ("SPIKESEG_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in FILES} == TARGETS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_is_read_or_refused(path: Path) -> None:
    run(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", QUICK)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=TEXTS)
def test_text_of_the_right_characters(name: str, text: str) -> None:
    run(name, text.encode())
