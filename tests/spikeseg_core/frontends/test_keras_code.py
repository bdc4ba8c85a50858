"""Model files that name code: none of it is run, and the message names it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.frontends.reading import read_model
from spikeseg_core.stack import keras

layers = keras.layers
INPUT = {
    "module": "keras.layers",
    "class_name": "InputLayer",
    "registered_name": None,
    "name": "i",
    "inbound_nodes": [],
    "config": {"batch_input_shape": [None, 8, 8, 1], "dtype": "float32", "name": "i"},
}


def lambda_layer(module: str, function: str) -> dict[str, Any]:
    """A Lambda layer of a function of any module, as no version's ``safe_mode`` refuses it."""
    return {
        "module": "keras.layers",
        "class_name": "Lambda",
        "registered_name": None,
        "config": {
            "name": "x",
            "function": {"class_name": "function", "module": module, "config": function}
            | {"registered_name": function},
            "function_type": "function",
            "output_shape": None,
            "output_shape_type": "raw",
        },
    }


def called_with(layer: dict[str, Any], constant: object) -> dict[str, Any]:
    """A model that calls the layer on a constant while it is loaded."""
    node = {"name": "x", "inbound_nodes": [[["_CONSTANT_VALUE", -1, constant, {}]]]}
    config = {"name": "m", "trainable": True, "layers": [INPUT, layer | node]}
    config |= {"input_layers": [["i", 0, 0]], "output_layers": [["i", 0, 0]]}
    return {
        "module": "tf_keras.src.engine.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "config": config,
    }


def as_keras(path: Path, model: object) -> Path:
    with h5py.File(path.with_suffix(".weights"), "w"):
        pass
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.write(path.with_suffix(".weights"), "model.weights.h5")
    return path


def as_hdf5(path: Path, model: object) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        file.create_group("model_weights").attrs["layer_names"] = []
    return path


def test_a_command_in_a_lambda_layer_is_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    model = called_with(lambda_layer("subprocess", "getoutput"), f"touch {ran}")
    for path in (as_keras(tmp_path / "a.keras", model), as_hdf5(tmp_path / "a.h5", model)):
        with pytest.raises(DataError, match=r"has a (Lambda layer|function), which is code"):
            read_model(path)
        assert not ran.exists()


def test_an_operation_that_writes_a_file_is_not_run(tmp_path: Path) -> None:
    written = tmp_path / "written"
    operation = {
        "class_name": "TFOpLambda",
        "config": {"name": "x", "function": "io.write_file", "dtype": "float32"},
    }
    model = called_with(operation, str(written))
    model["config"]["layers"][1]["inbound_nodes"][0][0][3] = {"contents": "x"}
    with pytest.raises(DataError, match="has a TFOpLambda layer, which is code"):
        read_model(as_hdf5(tmp_path / "a.h5", model))
    assert not written.exists()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_in_bytes_is_not_run(tmp_path: Path) -> None:
    given = keras.Input((8, 10, 3))
    model = keras.Model(given, layers.Lambda(lambda x: x * 2)(given))
    for suffix in (".h5", ".keras"):
        model.save(tmp_path / f"code{suffix}")
        with pytest.raises(DataError, match=r"has a (Lambda layer|__lambda__), which is code"):
            read_model(tmp_path / f"code{suffix}")
    # The libraries read an HDF5 file of this name, too, without any safe mode.
    with pytest.raises(DataError, match="is no model as Keras saves it"):
        read_model(shutil.copy(tmp_path / "code.h5", tmp_path / "renamed.keras"))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_that_is_both_is_looked_at_as_it_is_loaded(tmp_path: Path) -> None:
    given = keras.Input((8, 10, 3))
    keras.Model(given, layers.Lambda(lambda x: x * 2)(given)).save(tmp_path / "a.h5")
    with zipfile.ZipFile(tmp_path / "a.h5", "a") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DataError, match="has a Lambda layer"):
        read_model(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "Popen", "module": "subprocess"}, "Popen is not mapped"),
        ({"class_name": "TextVectorization"}, "TextVectorization is not mapped"),
        ({"class_name": "Dense", "module": "os"}, "Dense is not Keras' own, but of 'os'"),
        ({"class_name": "Dense", "module": ["os"]}, "Dense is not Keras' own"),
        ({"class_name": "Dense", "registered_name": "os.system"}, "registered as 'os.system'"),
        ({"class_name": ["Dense"]}, "is not mapped"),
    ],
)
def test_names_of_others_are_not_looked_up(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    layer = {"module": "keras.layers", "registered_name": None, "config": {"units": 3}} | change
    with pytest.raises(DataError, match=message):
        read_model(as_keras(tmp_path / "a.keras", called_with(layer, 1)))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, ""])
def test_a_description_that_is_none(text: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", text)
    with pytest.raises(DataError, match="describes no model that can be read"):
        read_model(tmp_path / "a.keras")
