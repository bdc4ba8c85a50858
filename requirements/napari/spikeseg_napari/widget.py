"""The widget: an image layer in; probability of membrane, mask and cells as layers out."""

# magicgui looks at annotations as they are, so they may not be postponed to text.

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from napari.layers import Image
from napari.qt.threading import FunctionWorker, thread_worker
from napari.types import LayerDataTuple
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QTimer

from spikeseg_core.data.formats.grey import grey_planes
from spikeseg_core.data.formats.volume import Volume
from spikeseg_core.errors import DataError, SpikeSegError
from spikeseg_core.evaluation.agglomeration import agglomerated
from spikeseg_core.inference.cells import find_cells
from spikeseg_core.inference.known import without_training
from spikeseg_napari.models import Engine, Model, open_model


def segment(
    image: Image,
    model: Annotated[
        Path,
        {
            "tooltip": "A file of spikeseg export (.onnx), or the name of a registered model",
            "filter": "*.onnx",
        },
    ] = Path("membrane.onnx"),
    engine: Annotated[
        Engine, {"tooltip": "The trained network, or the spiking one on emulated chips"}
    ] = "ann",
    threshold: Annotated[
        float,
        {"min": 0, "max": 1, "tooltip": "Least probability of membrane; 0: as validation chose it"},
    ] = 0.0,
    agglomerate: Annotated[bool, {"tooltip": "Keep cells apart at gaps in a membrane"}] = False,
) -> FunctionWorker[list[LayerDataTuple]]:
    """Segment a layer in a thread of its own; messages appear as napari's notifications."""
    about = {"scale": image.scale, "translate": image.translate, "units": image.units}

    @thread_worker  # type: ignore[untyped-decorator]
    def work() -> list[Any]:
        try:
            network = open_model(str(model), engine)
            return _layers(image, about, network, threshold or network.threshold, agglomerate)
        except SpikeSegError as error:
            show_error(str(error))
            return []

    worker = work()
    # Not before napari has connected its results, which it does once this function is over.
    QTimer.singleShot(0, worker.start)
    return worker


def _layers(
    image: Image, about: dict[str, Any], network: Model, cut: float, agglomerate: bool
) -> list[Any]:
    sections = _sections(image)
    planes, told = grey_planes(sections)
    found = []
    for name, section in zip(sections.names, planes(), strict=True):
        probability = network.segment(section[np.newaxis])[0]
        mask = probability >= cut
        known = network.known
        doubts = known.doubts(section, mask.mean()) if known else without_training(section)
        told += [f"{name}: {doubt}" for doubt in doubts]
        cells = agglomerated(probability) if agglomerate else find_cells(probability, cut)
        found.append((probability, mask.astype(np.uint8), cells))
    if told:
        show_warning("\n".join(told))
    probabilities, masks, cells = (
        np.stack(stack).reshape(_shape(image)) for stack in zip(*found, strict=True)
    )
    look = about | {"contrast_limits": (0, 1), "opacity": 0.5}
    return [
        (probabilities, look | {"name": f"{image.name} membrane"}, "image"),
        (masks, about | {"name": f"{image.name} mask", "visible": False}, "labels"),
        (cells, about | {"name": f"{image.name} cells"}, "labels"),
    ]


def _shape(image: Image) -> tuple[int, ...]:
    return tuple((image.data[0] if image.multiscale else image.data).shape)


def _sections(image: Image) -> Volume:
    """Take the sections of a layer at full resolution; they are computed one by one."""
    data, shape = image.data[0] if image.multiscale else image.data, _shape(image)
    if image.rgb or len(shape) not in (2, 3):
        of = "is in colour" if image.rgb else f"has the shape {shape}"
        raise DataError(
            f"the layer {image.name} {of}: choose a grey layer (rows, columns) or (sections, rows, "
            "columns), or split it into such layers"
        )
    count, rows, columns = (1, *shape)[-3:]

    def decode() -> Iterator[np.ndarray]:
        for index in range(count):
            yield np.asarray(data[index] if len(shape) == 3 else data)

    return Volume(image.name, "layer", (count, rows, columns), np.dtype(data.dtype), decode)
