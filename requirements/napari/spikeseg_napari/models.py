"""A network by its file or name; nothing here knows napari."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.inference.known import Known

Engine = Literal["ann", "loihi"]


@dataclass(frozen=True)
class Model:
    """A network, ready to use.

    Attributes
    ----------
    segment : callable
        Sections (n, h, w), uint8 or uint16, to probabilities of membrane (n, h, w), float32.
    threshold : float
        As validation chose it.
    known : Known, optional
        What the training sections look like; an ONNX file does not say.
    """

    segment: Callable[[np.ndarray], np.ndarray]
    threshold: float
    known: Known | None = None


def open_model(name: str, engine: Engine = "ann") -> Model:
    """Load a network.

    Parameters
    ----------
    name : str
        File that ``spikeseg export`` wrote (.onnx), or a registered model or run, as for
        ``spikeseg segment`` (needs the whole of SpikeSeg).
    engine : {"ann", "loihi"}
        Of a registered model; a file holds the ANN.

    Raises
    ------
    ConfigError
        If there is no such network, or it cannot be read.
    """
    path = Path(name).expanduser()
    if path.is_file():
        if engine != "ann":
            raise ConfigError(
                f"{name} holds the ANN, and the engine is {engine}: choose 'ann', or a registered "
                "model"
            )
        return _exported(path)
    if not name or path.is_dir() or path.suffix == ".onnx":
        raise ConfigError(
            f"there is no network {name or '(nothing)'}: choose a file that 'spikeseg export "
            "--out FILE.onnx' wrote, or write the name of a registered model"
        )
    try:
        from tasks.finished import load, network_of
    except ImportError:
        raise ConfigError(
            f"there is no file {name}; a registered model needs the whole of SpikeSeg in napari's "
            "environment: install it, or choose a file that 'spikeseg export' wrote"
        ) from None
    found = load(*network_of(name, engine))
    return Model(found, found.threshold, found.known)


def _exported(path: Path) -> Model:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(path)
        threshold = float(session.get_modelmeta().custom_metadata_map["threshold"])
    except Exception as error:  # onnxruntime has a class of its own for each kind of damage
        reason = str(error).splitlines()[0][:200]
        raise ConfigError(
            f"{path} is no network of 'spikeseg export' ({reason}); export it again with --out "
            "FILE.onnx"
        ) from error

    def segment(sections: np.ndarray) -> np.ndarray:
        (found,) = session.run(None, {"sections": sections[:, np.newaxis].astype(np.float32)})
        return np.asarray(found)[:, 0]

    return Model(segment, threshold)
