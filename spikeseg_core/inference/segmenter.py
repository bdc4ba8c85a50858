"""A finished network for users: sections in, membrane probability out.

A folder holds everything that is needed: the network, how sections are cut, and for the kind
``integer`` also its cores, their placement, and how long a tile is shown. It contains no code and
no pickle.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from scipy.special import expit

from spikeseg_core.config import PipelineConfig, PresentationConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.data.tiles import TileGrid, standardize
from spikeseg_core.errors import DataError
from spikeseg_core.inference.known import Known
from spikeseg_core.loihi.integer_network import ARRAYS_FILE, NAMES_FILE
from spikeseg_core.loihi.soundness import check_network, check_sizes
from spikeseg_core.network import load_network
from spikeseg_core.network.description import NETWORK_FILE, WEIGHTS_FILE
from spikeseg_core.stages.artifacts import INTEGER, MAPPING, PLACEMENT, SECTION_SCORES
from spikeseg_core.stages.files import load_section_scores
from spikeseg_core.stages.table import ModelKind
from spikeseg_core.storage import write_json

FACTS = "segmenter.json"
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)
"""What reading damaged JSON, and values of other types, can raise."""

_NETWORK = (NETWORK_FILE, WEIGHTS_FILE)
FILES: dict[ModelKind, dict[str, tuple[str, ...]]] = {
    "ann": {"train": _NETWORK},
    "rate_tuned": {"tune": _NETWORK},
    "integer": {
        "tune": _NETWORK,
        "quantize": (MAPPING, f"{INTEGER}/{ARRAYS_FILE}", f"{INTEGER}/{NAMES_FILE}"),
        "partition": (PLACEMENT,),
    },
}
"""Files of each kind, by the stage that wrote them."""
SCORED_BY: dict[ModelKind, tuple[str, str]] = {
    "ann": ("train", "ann"),
    "rate_tuned": ("tune", "rate_tuned"),
    "integer": ("deploy", "loihi"),
}
"""Stage that scored a kind, and the tag of its scores."""


@dataclass(frozen=True)
class Segmenter:
    """Segments whole sections.

    Attributes
    ----------
    segment_tiles : callable
        Standardised tiles ``(n, tile, tile)`` to logits of the same shape.
    threshold : float
        The threshold with the best V_Rand on validation; .5 for a model without one.
    known : Known, optional
        What the training sections look like.
    grey : {"uint8", "uint16"}
        Type of the training sections.
    """

    tile: int
    tiles_per_axis: int
    segment_tiles: Callable[[np.ndarray], np.ndarray]
    threshold: float = 0.5
    known: Known | None = None
    grey: str = "uint8"

    def __call__(self, sections: np.ndarray) -> np.ndarray:
        """Segment grey sections.

        Parameters
        ----------
        sections : array (n, height, width), uint8 or uint16
            As stored; they are standardised here.

        Returns
        -------
        float32 array (n, height, width)
            Probability of membrane.

        Raises
        ------
        DataError
            If the sections are not a stack of grey images.
        """
        sections = np.asarray(sections)
        if sections.ndim != 3 or sections.dtype not in (np.uint8, np.uint16):
            raise DataError(
                f"sections have shape {sections.shape} and type {sections.dtype}; a stack "
                f"(sections, height, width) of uint8 or uint16 is needed"
            )
        shape = (sections.shape[1], sections.shape[2])
        grid = TileGrid(shape, self.tile, self.tiles_per_axis)
        return grid.stitch(expit(self.segment_tiles(grid.cut(standardize(sections)))))


def save_segmenter(
    folder: Path, kind: ModelKind, stages: Mapping[str, Path], config: PipelineConfig
) -> None:
    """Copy a network and everything it needs into a folder.

    Parameters
    ----------
    stages : mapping of str to Path
        Folders of the stages that produced it, by name: ``train``; ``tune``; or ``tune``,
        ``quantize`` and ``partition``. If the stage that scored the network is among them
        (``deploy`` for an integer network), the threshold of validation is kept; with ``prepare``,
        what the training sections look like, and their type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stage, names in FILES[kind].items():
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stages[stage] / name, target)
    write_json(
        folder / FACTS,
        {
            "kind": kind,
            "tiles_per_axis": config.dataset.tiles_per_axis,
            "presentation": config.presentation.model_dump(),
            **_chosen(kind, stages),
        },
    )


def _chosen(kind: ModelKind, stages: Mapping[str, Path]) -> dict[str, Any]:
    """Return the threshold of validation and the looks of training, if the stages have them."""
    found: dict[str, Any] = {}
    stage, tag = SCORED_BY[kind]
    if stage in stages and (stages[stage] / SECTION_SCORES).is_file():
        scores = load_section_scores(stages[stage], tag)
        if len(scores):
            found["threshold"] = float(scores["v_rand_threshold"].iloc[0])
    if "prepare" in stages:
        dataset = load_dataset(stages["prepare"])
        train = dataset.splits["train"]
        found["grey"] = dataset.images.dtype.name
        found["known"] = Known.of(dataset.images[train], dataset.labels[train]).to_json()
    return found


def threshold_of(folder: Path) -> float:
    """Return the threshold of a saved segmenter without loading its network.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    try:
        return _threshold(json.loads((folder / FACTS).read_text()))
    except UNREADABLE as error:
        raise DataError(f"{folder} holds no segmenter ({error}); log the model again") from error


def _threshold(facts: Mapping[str, Any]) -> float:
    return float(facts.get("threshold", 0.5))


def load_segmenter(folder: Path) -> Segmenter:
    """Read a segmenter written by :func:`save_segmenter`.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    try:
        facts = json.loads((folder / FACTS).read_text())
        kind, tiles_per_axis = facts["kind"], int(facts["tiles_per_axis"])
        presentation = PresentationConfig.model_validate(facts["presentation"])
        threshold = _threshold(facts)
        known = Known(**facts["known"]) if facts.get("known") else None
        grey = str(facts.get("grey", "uint8"))
    except UNREADABLE as error:
        raise DataError(f"{folder} holds no segmenter ({error}); log the model again") from error
    check_sizes(folder)
    if kind == "integer":
        from spikeseg_core.loihi.run import emulated
        from spikeseg_core.stages.mapped import load_mapped

        mapped = load_mapped(dict.fromkeys(FILES["integer"], folder))
        check_network(mapped.integer)

        one_at_a_time = Lock()  # the emulator has threads of its own

        def on_chip(tiles: np.ndarray) -> np.ndarray:
            with one_at_a_time:
                return emulated.run(mapped, tiles, presentation).logits

        return Segmenter(mapped.network.tile, tiles_per_axis, on_chip, threshold, known, grey)

    from spikeseg_core.ann.unet import model_from_weights
    from spikeseg_core.evaluation.segment import keras_segmenter

    network, weights = load_network(folder)
    model = model_from_weights(network, weights, "relu" if kind == "ann" else "loihi")
    tiled = keras_segmenter(model)
    return Segmenter(network.tile, tiles_per_axis, tiled, threshold, known, grey)
