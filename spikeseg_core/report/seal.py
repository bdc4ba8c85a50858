"""The seal of a record: a digest by which a changed score, input or setting shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeseg_core.storage import digest_json

SEAL = "seal"


def seal_of(account: Mapping[str, Any]) -> str:
    """sha256 of a record as JSON, without the seal itself."""
    return digest_json({name: value for name, value in account.items() if name != SEAL})


def is_broken(account: Mapping[str, Any]) -> bool:
    """Whether the record has a seal that is not its own; records of others have none."""
    return bool(account.get(SEAL)) and account[SEAL] != seal_of(account)
