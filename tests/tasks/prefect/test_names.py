from __future__ import annotations

import pytest
from prefect.utilities.names import generate_slug

from tasks.prefect import names


@pytest.mark.parametrize("name", ["theta2-bootis", "alpha-canis-majoris-void", "xi17-planck-x"])
def test_names_of_prefects_page_are_invented(name: str) -> None:
    assert names.invented(name)


def test_names_of_prefects_server_are_invented() -> None:
    for _ in range(200):
        name = generate_slug(2)
        assert names.invented(name), name


@pytest.mark.parametrize(
    "name", ["quick-isbi2012-seed0", "with-mixup", "my run", "alpha", "before the deadline", "x-y"]
)
def test_what_a_user_types_is_not(name: str) -> None:
    assert not names.invented(name)


@pytest.mark.parametrize(
    ("current", "becomes"), [("mine", "mine"), ("theta2-bootis", "default"), (None, "default")]
)
def test_a_typed_name_stays(
    current: str | None, becomes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.prefect.names.flow_run", type("Run", (), {"name": current}))
    assert names.named(lambda: "default")() == becomes


def test_without_prefect_nothing_is_renamed() -> None:
    names.rename("another")
