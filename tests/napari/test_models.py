"""What the plugin takes as a network; `make napari` runs it in napari."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spikeseg_core.errors import ConfigError
from tests.napari import make

PLUGIN = Path(__file__).parents[2] / "requirements" / "napari"


@pytest.fixture
def open_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    from spikeseg_napari.models import open_model

    return open_model


def test_an_exported_network_gives_what_segment_gives(open_model, tmp_path: Path) -> None:
    make.make(tmp_path)
    expected = np.load(tmp_path / "expected.npz")
    model = open_model(str(tmp_path / "membrane.onnx"))
    assert model.threshold == float(expected["cut"])
    found = model.segment(expected["sections"])
    np.testing.assert_allclose(found, expected["probability"], rtol=0, atol=2e-5)


def test_a_registered_network_keeps_its_threshold_and_its_training(open_model, monkeypatch) -> None:
    network, asked = SimpleNamespace(threshold=0.3, known="training"), []

    def network_of(*about: str) -> tuple[str, str]:
        asked.append(about)
        return "integer", "ref"

    monkeypatch.setattr("tasks.finished.network_of", network_of)
    monkeypatch.setattr("tasks.finished.load", lambda kind, ref: network)
    model = open_model("paper@champion", "loihi")
    assert asked == [("paper@champion", "loihi")]
    assert (model.segment, model.threshold, model.known) == (network, 0.3, "training")


@pytest.mark.parametrize(
    ("name", "engine", "message"),
    [
        ("", "ann", r"there is no network \(nothing\): choose a file"),
        ("gone.onnx", "ann", r"there is no network gone\.onnx"),
        (".", "ann", "there is no network"),
        (__file__, "ann", "is no network of 'spikeseg export'"),
        (__file__, "loihi", "holds the ANN, and the engine is loihi"),
        ("nobody@champion", "ann", "nobody"),
    ],
)
def test_what_is_no_network_is_one_sentence(open_model, name, engine, message) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        open_model(name, engine)
    assert "\n" not in str(error.value)
