from __future__ import annotations

from typing import Any

import pytest

from flows import promote as module
from spikeseg_core.config import PromotionConfig
from tasks.mlflow import champion
from tasks.mlflow.promotion import Decision


def test_the_standing_is_returned_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    shown: dict[str, str] = {}

    def promote(*words: Any) -> champion.Standing:
        asked.append(words)
        return champion.Standing("paper", "3", "champion", Decision("by hand", "Ada: a reason"))

    monkeypatch.setattr(champion, "promote", promote)
    monkeypatch.setattr(
        module, "create_markdown_artifact", lambda text, key: shown.update({key: text})
    )
    found = module.promote.fn("paper@challenger", "a reason", "Ada")
    assert asked == [("paper@challenger", "a reason", "Ada", PromotionConfig())]
    assert found["alias"] == "champion"
    assert shown == {"promotion": "**paper/3, champion**\n\nAda: a reason"}
