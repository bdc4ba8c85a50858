from __future__ import annotations

import runpy
import sys
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST

from spikeseg_core.errors import ConfigError
from tasks.mlflow import account

GRANTS = [("experiment", "7", "EDIT"), ("registered_model", "*", "MANAGE")]


class Administrator:
    """MLflow's client for users, without a server; ``code`` is the answer for an unknown user."""

    def __init__(self, *users: str, code: int = RESOURCE_DOES_NOT_EXIST) -> None:
        self.users = dict.fromkeys(users, "old")
        self.code = code
        self.grants: list[tuple[str, str, str]] = []

    def get_user(self, name: str) -> str:
        if name not in self.users:
            raise MlflowException(name, error_code=self.code)
        return self.users[name]

    def create_user(self, name: str, password: str) -> None:
        assert name not in self.users
        self.users[name] = password

    def update_user_password(self, name: str, password: str) -> None:
        assert name in self.users
        self.users[name] = password

    def grant_user_permission(self, name: str, *grant: str) -> None:
        assert name in self.users
        self.grants.append(grant)  # type: ignore[arg-type]


@pytest.mark.parametrize("users", [(), ("worker",)])
def test_it_is_made_or_given_the_new_password(users: tuple[str, ...]) -> None:
    administrator: Any = Administrator(*users)
    account.make_account(administrator, "7", "new")
    assert administrator.users == {"worker": "new"}
    assert administrator.grants == GRANTS


def test_no_account_is_made_when_the_server_fails() -> None:
    administrator: Any = Administrator(code=INTERNAL_ERROR)
    with pytest.raises(MlflowException):
        account.make_account(administrator, "7", "new")
    assert not administrator.users


def test_without_a_password_it_says_which_variable_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(account.GIVEN_IN, raising=False)
    with pytest.raises(ConfigError, match=account.GIVEN_IN):
        account.main()
    monkeypatch.delitem(sys.modules, "tasks.mlflow.account")
    with pytest.raises(SystemExit, match=account.GIVEN_IN):
        runpy.run_module("tasks.mlflow.account", run_name="__main__")
