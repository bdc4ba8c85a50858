from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks import provenance


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    provenance.code_tags.cache_clear()
    yield
    provenance.code_tags.cache_clear()


def test_an_image_names_the_commit_that_it_was_built_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKESEG_COMMIT", "0123abcd")
    tags = provenance.code_tags()
    assert tags["git.commit"] == tags["mlflow.source.git.commit"] == "0123abcd"


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIKESEG_COMMIT", raising=False)
    monkeypatch.setenv("PATH", "")
    assert provenance.code_tags()["git.commit"] == "unknown"
