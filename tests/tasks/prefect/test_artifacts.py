from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from tasks.prefect import artifacts


def shown(key: str) -> list[Any]:
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=wanted, limit=10)


def run(work: Callable[[], None]) -> None:
    flow(name="a-test")(work)()


@pytest.mark.usefixtures("prefect_server")
def test_a_running_flow_shows_its_text_and_one_bar() -> None:
    def work() -> None:
        artifacts.show_markdown("what it found", "a-text", "about it")
        page = artifacts.PageProgress("a-bar")
        page.show(10.0, "the first")
        page.show(60.0, "the second")

    run(work)
    (text,) = shown("a-text")
    assert (text.data, text.description) == ("what it found", "about it")
    (bar,) = shown("a-bar")
    assert (bar.data, bar.description) == (60.0, "the second")


def test_outside_of_a_flow_prefect_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("Prefect was asked")

    monkeypatch.setattr(artifacts, "create_markdown_artifact", asked)
    artifacts.show_markdown("what it found", "a-text", "about it")
