"""Keras files that would run code: looked at before any library opens them.

A model file names classes and functions, and the libraries import and call them while they load it,
``safe_mode`` or not: a Lambda layer of ``subprocess.getoutput`` runs a command, one of TensorFlow's
operations writes a file. So only names of what can be read here may be in it.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from spikeseg_core.errors import DataError
from spikeseg_core.frontends import hints

MOST_BYTES = 2**26
"""Largest description of a model, 64 MiB."""

_MODELS = ("Functional", "Sequential", "Model", "InputLayer")
_PARTS = {
    *("Zeros", "Ones", "Constant", "Identity", "Orthogonal", "VarianceScaling"),
    *("RandomNormal", "RandomUniform", "TruncatedNormal", "GlorotNormal", "GlorotUniform"),
    *("HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
    *("L1", "L2", "L1L2", "OrthogonalRegularizer"),
    *("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "RadialConstraint"),
    *("DTypePolicy", "Policy", "TensorShape", "__keras_tensor__", "__tuple__"),
}
_MODULES = re.compile(
    r"(tf_)?keras(\.(layers|models|initializers|regularizers|constraints)"
    r"|\.src\.(engine|models)\.(functional|sequential)|\.src\.ops\.\w+)?"
)
_FUNCTIONS = {"Lambda", "TFOpLambda", "SlicingOpLambda", "function", "__lambda__"}


def refuse_code(path: Path, layers: Collection[str]) -> None:
    """Check that a file names nothing but these layers, and what they are made of.

    Parameters
    ----------
    path : Path
        A zip if it ends in ``.keras``, else an HDF5 file: a file can be both, and the libraries
        go by its suffix, too.
    layers : collection of str
        Classes of the layers that are read.

    Raises
    ------
    DataError
        If it names anything else, or holds no description of a model.
    """
    for entry in _entries(_description(path)):
        _check(path, entry, layers)


def _description(path: Path) -> Any:
    """Return the model's description as plain values."""
    try:
        return json.loads(_text_of_zip(path) if path.suffix == ".keras" else _text_of_hdf5(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} describes no model that can be read ({error})") from error


def _text_of_zip(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
            text = file.read(MOST_BYTES + 1)
    except Exception as error:  # zipfile passes on whatever its decompressors raise
        raise DataError(f"{path} is no model as Keras saves it ({error})") from error
    if len(text) > MOST_BYTES:
        raise DataError(f"{path} describes a model in over {MOST_BYTES:,} bytes; not read")
    return text


def _text_of_hdf5(path: Path) -> str | bytes:
    import h5py

    try:
        with h5py.File(path) as file:
            found = file.attrs.get("model_config", "")
    except OSError as error:
        raise DataError(f"{path} is not an HDF5 file: {error}") from error
    text: str | bytes = found if isinstance(found, bytes) else str(found)
    if not text:
        raise DataError(f"{path} holds weights without a model; save it by model.save")
    return text


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object that names a class or function, however deep."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _check(path: Path, entry: Mapping[str, Any], layers: Collection[str]) -> None:
    name, module = str(entry["class_name"]), entry.get("module")
    if name in _FUNCTIONS:
        raise DataError(
            f"{path} has a {name}{' layer' if 'Lambda' in name else ''}, which is code; replace "
            "it by layers such as Add and ReLU, or save the model as ONNX"
        )
    if name not in layers and name not in _PARTS and name not in _MODELS:
        raise DataError(f"{path}: {hints.unknown(name[:80])}")
    known = module is None or (isinstance(module, str) and _MODULES.fullmatch(module))
    if not known or entry.get("registered_name") not in (None, name):
        raise DataError(
            f"{path}: {name} is not Keras' own, but of {str(module)[:80]!r}, registered as "
            f"{str(entry.get('registered_name'))[:80]!r}, which would be run; use Keras' layers"
        )
