import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows import cli
from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.stack import keras


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network as a file."""
    layers = keras.layers
    given = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(given)
    x = layers.Conv2D(4, 3, activation="relu")(layers.AveragePooling2D()(x))
    made = keras.Model(given, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    made.save(path)
    return path


def invoke(*words: object) -> str:
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_model_is_mapped_and_emulated(model: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.npy"
    np.save(items, np.random.default_rng(0).uniform(size=(2, 8, 8, 1)))
    said = invoke("map", model, "--board", 1, "--out", tmp_path / "mapped", "--calibration", items)
    assert "2 cores (2) for 40 neurons" in said
    assert "spikeseg emulate" in said
    said = invoke("emulate", tmp_path / "mapped", "--input", items, "--steps", 100)
    assert "mJ dynamic" in said
    found = json.loads((tmp_path / "mapped" / "emulated" / "result.json").read_text())
    assert (found["cores"], found["chips"], found["steps"]) == (2, 1, 100)
    with np.load(tmp_path / "mapped" / "emulated" / "rates.npz") as arrays:
        assert arrays["output"].shape == (2, 1, 1, 3)
        np.testing.assert_allclose(arrays["output"].sum(-1), 1, rtol=1e-5)


def test_without_calibration_it_says_so(model: Path, tmp_path: Path) -> None:
    assert "those of noise, not of your data" in invoke("map", model, "--out", tmp_path)


def test_wrong_inputs_are_one_message(model: Path, tmp_path: Path) -> None:
    invoke("map", model, "--out", tmp_path / "mapped")
    for array, message in (
        (np.zeros((2, 7, 7, 1)), r"takes items of shape \(8, 8, 1\)"),
        (np.full((1, 8, 8, 1), np.nan), "not finite"),
        (np.array(["a"]), "one array of numbers"),
    ):
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(DataError, match=message):
            invoke("emulate", tmp_path / "mapped", "--input", tmp_path / "x.npy")
    with pytest.raises(DataError, match="is not an array"):
        invoke("emulate", tmp_path / "mapped", "--input", tmp_path / "nothing.npy")
    with pytest.raises(DataError, match="does not exist"):
        invoke("emulate", tmp_path, "--input", tmp_path / "x.npy")


def test_a_layer_that_cannot_be_mapped_is_named(tmp_path: Path) -> None:
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalMaxPooling2D(name="m"),
        ]
    )
    made.save(tmp_path / "max.keras")
    with pytest.raises(MappingError, match="layer 'm': a maximum"):
        invoke("map", tmp_path / "max.keras", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
