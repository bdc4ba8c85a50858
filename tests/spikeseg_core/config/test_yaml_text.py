from __future__ import annotations

import pytest

from spikeseg_core.config.yaml_text import read_yaml


def test_plain_values() -> None:
    assert read_yaml(b"a: [1, x]\nb: {c: 0.5}") == {"a": [1, "x"], "b": {"c": 0.5}}
    assert read_yaml(b"") is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: &a [x]\nb: [*a, *a]", r"alias \*a: write its values out"),
        (b"&a [*a]", "alias"),
        (b"[" * 100_000, "nested too deeply"),
        (b"- " * 100_000, "nested too deeply"),
        (b"a: 2026-99-99", "month"),
        (b"!!python/object/apply:os.system [x]", "could not determine a constructor"),
        (b"? [a]\n: {b: {}}\n? {c: d}\n: e", "unhashable"),
        (b"a: [", "expected"),
        (b"\xff\xfe\x00", "decode"),
        (b"a: " + b"9" * 10_000, "digits"),
        (b"x" * 2_000_000, "over 1,048,576 bytes"),
    ],
)
def test_what_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_yaml(content)
