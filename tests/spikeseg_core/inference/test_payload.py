"""What is sent is taken as it is, or refused with the reason and the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.inference import payload
from spikeseg_core.inference.payload import grey_sections

GOOD = [[[0, 255, 3], [4, 5, 6]]]


@pytest.mark.parametrize("sent", [GOOD, np.array(GOOD), np.array(GOOD, np.uint8)])
def test_whole_grey_values_are_taken_as_they_are(sent: Any) -> None:
    found = grey_sections(sent)
    assert found.dtype == np.uint8
    assert found.tolist() == GOOD


def test_a_network_of_16_bit_sections_takes_16_bits() -> None:
    assert grey_sections([[[0, 65535]]], "uint16").tolist() == [[[0, 65535]]]
    with pytest.raises(DataError, match=r"from 0 to 65536; this model takes .* from 0 to 65535"):
        grey_sections([[[0, 65536]]], "uint16")


REFUSED: dict[str, tuple[Any, str]] = {
    "16 bits": ([[[0, 65535]]], r"the values are from 0 to 65535;.*from 0 to 255.*by 257"),
    "typed 16 bits": (np.full((1, 2, 2), 300, np.uint16), r"the values are from 300 to 300"),
    "negative": ([[[-1, 3]]], r"the values are from -1 to 3"),
    "beyond 64 bits": ([[[0, 10**30]]], r"the values are from 0 to 10{30}"),
    "floats": ([[[0.25, 1.0]]], r"decimal point found, from 0.25 to 1;.*by 255 and round them"),
    "one float": ([[[7, 8], [9, 0.5]]], r"decimal point found, from 0.5 to 0.5"),
    "typed floats": (np.ones((1, 2, 2), np.float32), r"decimal point found, from 1 to 1"),
    "NaN": ([[[1, float("nan")]]], r"1 values are NaN or infinite"),
    "infinite": ([[[1.5, float("-inf")]]], r"1 values are NaN or infinite"),
    "booleans": ([[[True, 1]]], r"booleans found"),
    "typed booleans": (np.ones((1, 2, 2), bool), r"booleans found"),
    "strings": ([[["1", 2]]], r"strings found"),
    "one string": ("aGVsbG8=", r"strings found"),
    "nulls": ([[[None, 2]]], r"nulls found"),
    "objects and nulls": ([[[{"a": 1}, None]]], r"nulls and objects found"),
    "one section": ([[1, 2], [3, 4]], r"the shape is \(2, 2\), but \(sections, rows, columns\)"),
    "channels": ([[[[1], [2]]]], r"the shape is \(1, 1, 2, 1\)"),
    "a number": (7, r"the shape is \(\)"),
    "ragged rows": ([[[1, 2], [3]]], r"different lengths .*first 2 levels agree: \(1, 2\)"),
    "ragged sections": ([[[1, 2]], [[3, 4], [5, 6]]], r"different lengths"),
    "nothing": ([], r"no pixel was sent: the shape is \(0,\)"),
    "empty rows": ([[[], []]], r"no pixel was sent: the shape is \(1, 2, 0\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_with_the_reason(name: str) -> None:
    sent, why = REFUSED[name]
    with pytest.raises(DataError, match=why) as error:
        grey_sections(sent)
    assert '{"inputs": [[[0, 17, 255], [3, 140, 28]]]}' in str(error.value)
    assert len(str(error.value)) < 600


def test_too_many_pixels_are_refused_before_they_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(payload, "MOST_PIXELS", 5)
    monkeypatch.setattr(payload, "_kinds", lambda values: pytest.fail("looked at"))
    with pytest.raises(DataError, match="6 pixels were sent, and at most 5"):
        grey_sections(GOOD)
