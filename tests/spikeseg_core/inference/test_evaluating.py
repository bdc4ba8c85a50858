from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.inference.evaluating import evaluate
from spikeseg_core.inference.known import Known
from spikeseg_core.inference.segmenter import Segmenter
from tests.spikeseg_core.data.inputs import COUNT, GREY, MASKS, MEMBRANE, changed, pair_of, png
from tests.spikeseg_core.listener import Listener

KNOWN = Known.of(GREY, MEMBRANE)
DARK = Segmenter(32, 2, lambda tiles: -3 * tiles, threshold=0.8, known=KNOWN)
"""Stands in for a network: dark pixels are membrane."""


def test_scores_are_those_at_the_models_threshold(tmp_path: Path) -> None:
    told = Listener()
    found = evaluate(pair_of(tmp_path, GREY, MASKS), DARK, told)
    assert found.threshold == 0.8
    assert list(found.sections["section"]) == [f"{i}.png" for i in range(COUNT)]
    probability = DARK(GREY)
    right = ((probability >= 0.8) == MEMBRANE).mean(axis=(1, 2))
    np.testing.assert_allclose(found.sections["pixel_accuracy"], right)
    assert found.scores["v_rand"] >= found.scores["v_rand_at_validation_threshold"]
    mean = found.intervals["pixel_accuracy"]
    assert mean["mean"] == pytest.approx(right.mean())
    assert mean["low"] < mean["mean"] < mean["high"]
    assert told.progressed[-1] == (COUNT, COUNT, f"{COUNT - 1}.png")
    written = json.loads(json.dumps(found.to_json()))
    assert written["sections"][0]["section"] == "0.png"
    assert found.warnings == ()


def test_one_section_has_no_interval(tmp_path: Path) -> None:
    assert evaluate(pair_of(tmp_path, GREY[:1], MASKS[:1]), DARK).intervals == {}


def test_a_section_that_the_network_cannot_know_is_warned_about(tmp_path: Path) -> None:
    clipped = np.where(GREY[2] > 90, 255, GREY[2]).astype(np.uint8)
    found = evaluate(pair_of(tmp_path, changed(GREY, 2, clipped), MASKS), DARK)
    assert [w for w in found.warnings if w.startswith("section 2.png: it is saturated")]


def test_labels_that_cannot_be_right_are_refused(tmp_path: Path) -> None:
    png(pair_of(tmp_path, GREY, MASKS) / "masks" / "2.png", MASKS[2, ::-1])
    with pytest.raises(DataError, match=r"label 2\.png fits when it is upside down"):
        evaluate(tmp_path, DARK)
