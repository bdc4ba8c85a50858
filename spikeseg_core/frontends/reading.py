"""Reading a network from a file, by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikeseg_core.errors import DataError, SpikeSegError
from spikeseg_core.frontends import keras_model, nir_file, onnx_file
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.operations import Operations
from spikeseg_core.network import Graph

READERS: dict[str, Callable[[Path], Operations]] = {
    ".keras": keras_model.read,
    ".h5": keras_model.read,
    ".hdf5": keras_model.read,
    ".onnx": onnx_file.read,
    ".nir": nir_file.read,
}


def read_model(path: Path) -> Graph:
    """Read a network and make its layers ensembles.

    Raises
    ------
    DataError
        If the file is missing, of another format, or cannot be read.
    MappingError
        If layers cannot be mapped; the message names each, and what would fit.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file; give a model as {', '.join(READERS)}")
    if path.suffix not in READERS:
        raise DataError(f"{path} ends in {path.suffix!r}; models are {', '.join(READERS)}")
    try:
        return fold(READERS[path.suffix](path))
    except SpikeSegError:
        raise
    except Exception as error:  # whatever a network that contradicts itself leads to
        raise DataError(
            f"{path} is no network that can be read ({type(error).__name__}: {error}); save it "
            "again with the library that made it"
        ) from error
