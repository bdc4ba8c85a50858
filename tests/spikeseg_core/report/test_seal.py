from __future__ import annotations

import json

from spikeseg_core.report.seal import is_broken, seal_of


def test_a_seal_holds_until_something_changes() -> None:
    account = {"score": 0.1 + 0.2, "inputs": {"b": "ü", "a": None}, "started": 1.0}
    sealed = json.loads(json.dumps(account | {"seal": seal_of(account)}))
    assert not is_broken(sealed)
    assert is_broken(sealed | {"score": 0.9999})
    assert is_broken(sealed | {"more": 1})
    assert not is_broken(account)
