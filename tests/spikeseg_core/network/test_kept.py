from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.network.kept import keep, kept, refuse_other
from spikeseg_core.storage import CACHE_VARIABLE
from tests.spikeseg_core.network.test_description import SMALL, random_weights

WEIGHTS = random_weights(SMALL)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_is_kept_comes_back_under_any_name() -> None:
    digest = keep(SMALL, WEIGHTS)
    assert keep(SMALL, WEIGHTS) == digest
    assert kept(digest, replace(SMALL, name="renamed")).sha256 == digest


def test_what_is_not_kept_says_how_to_get_it() -> None:
    with pytest.raises(ConfigError, match=r"0123.* not in .*spikeseg run --from MODEL"):
        kept("0123" * 16, SMALL)


def test_another_architecture_is_refused_with_both_names() -> None:
    digest = keep(SMALL, WEIGHTS)
    wider = replace(SMALL, name="wider", tile=32)
    with pytest.raises(ConfigError, match="start from a network 'small', but trains 'wider'"):
        kept(digest, wider)
    with pytest.raises(ConfigError, match="choose the preset"):
        refuse_other(SMALL, wider)


def test_weights_under_another_digest_are_refused(cache: Path) -> None:
    folder = cache / "networks" / keep(SMALL, WEIGHTS)
    folder.rename(folder.with_name("ab" * 32))
    with pytest.raises(ConfigError, match=f"holds the weights {WEIGHTS.sha256[:12]}"):
        kept("ab" * 32, SMALL)
