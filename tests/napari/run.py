"""``make napari``: the plugin in a napari without a screen, in an environment of its own.

The manifest is validated with npe2; the widget and the sections come from napari's own menus. What
a layer gives is compared with ``spikeseg segment``, pixel by pixel. Exit code 1: a check failed.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import napari
import numpy as np
from napari._vispy.utils import gl as card
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QEventLoop, QTimer
from spikeseg_napari.models import open_model

from spikeseg_core.errors import ConfigError
from spikeseg_core.inference.cells import find_cells

PLUGIN, TITLE = "spikeseg-napari", "Segment membranes and cells"
TOLERANCE = 2e-5
"""Of a probability: ONNX sums 32-bit products in another order."""
WAIT_S = 120


def without_opengl() -> None:
    """Answer what napari asks of the graphics card when a layer is added: nothing is drawn here."""
    card.gl = SimpleNamespace(
        GL_EXTENSIONS="extensions",
        GL_MAX_TEXTURE_SIZE="side",
        glGetParameter=lambda asked: "texture_float" if asked == "extensions" else 2048,
    )


class Screen:
    """A viewer that is not shown, with the plugin's widget in it."""

    def __init__(self, folder: Path) -> None:
        self.network = folder / "membrane.onnx"
        self.expected = np.load(folder / "expected.npz")
        self.viewer = napari.Viewer(show=False)
        _, self.widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, TITLE)

    def segment(self, layer: Any, **values: Any) -> list[Any]:
        """Press the button; return the results, which a second time replaces."""
        told = len(notification_manager.records)
        self.widget.reset_choices()
        for name, value in {"image": layer, "model": self.network, **values}.items():
            getattr(self.widget, name).value = value
        worker = self.widget()
        loop = QEventLoop()
        worker.finished.connect(loop.quit)
        QTimer.singleShot(1000 * WAIT_S, loop.quit)
        loop.exec()
        assert not worker.is_running, f"no end after {WAIT_S} s"
        self.told = [str(record.message) for record in notification_manager.records[told:]]
        made = [f"{layer.name} {kind}" for kind in ("membrane", "mask", "cells")]
        return [self.viewer.layers[name] for name in made if name in self.viewer.layers]


def the_manifest_is_valid(screen: Screen) -> None:
    manifest = PluginManifest.from_distribution(PLUGIN)
    manifest.validate_imports()
    assert PluginManager.instance().get_manifest(PLUGIN).display_name == "SpikeSeg"


def the_sample_gives_what_segment_gives(screen: Screen) -> None:
    image, truth = screen.viewer.open_sample(PLUGIN, "sections")
    np.testing.assert_array_equal(image.data, screen.expected["sections"])
    assert 0.1 < truth.data.mean() < 0.3
    image.scale = (40, 4, 4)
    membrane, mask, cells = screen.segment(image)
    wanted, cut = screen.expected["probability"], float(screen.expected["cut"])
    np.testing.assert_allclose(membrane.data, wanted, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(mask.data, membrane.data >= np.float32(cut))
    assert 0.15 < mask.data.mean() < 0.25
    for made, probability in zip(cells.data, membrane.data, strict=True):
        np.testing.assert_array_equal(made, find_cells(probability, cut))
    assert cells.data.max() > 1
    assert all(tuple(layer.scale) == (40, 4, 4) for layer in (membrane, mask, cells))
    count = len(screen.viewer.layers)
    _, other, _ = screen.segment(image, threshold=0.9)
    np.testing.assert_array_equal(other.data, membrane.data >= 0.9)
    assert len(screen.viewer.layers) == count
    screen.widget.threshold.value = 0


def layers_of_other_kinds(screen: Screen) -> None:
    import dask.array

    sections = screen.expected["sections"]
    wanted = screen.expected["probability"]
    deep = sections[0].astype(np.uint16) * 200
    for data, expected in (
        (sections[0], wanted[0]),
        (deep, wanted[0]),
        (sections[:2] / np.float32(255), wanted[:2]),
        (dask.array.from_array(sections, chunks=(1, 256, 256)), wanted),
    ):
        layer = screen.viewer.add_image(data)
        np.testing.assert_allclose(screen.segment(layer)[0].data, expected, rtol=0, atol=1e-4)
    layer = screen.viewer.add_image([sections, sections[:, ::2, ::2]], multiscale=True)
    np.testing.assert_allclose(screen.segment(layer)[0].data, wanted, rtol=0, atol=TOLERANCE)
    screen.segment(screen.viewer.add_image(np.full((64, 64), 9, np.uint8)))
    assert any("it is blank: every pixel is 9" in message for message in screen.told)


def what_cannot_be_segmented_is_one_sentence(screen: Screen) -> None:
    colour = np.zeros((32, 32, 3), np.uint8)
    nan = np.full((32, 32), np.nan, np.float32)
    damaged = screen.network.with_name("damaged.onnx")
    damaged.write_bytes(screen.network.read_bytes()[:500])
    grey = screen.viewer.add_image(screen.expected["sections"][0])
    for layer, values, message in (
        (screen.viewer.add_image(colour, rgb=True), {}, "is in colour: choose a grey layer"),
        (screen.viewer.add_image(np.zeros((2, 2, 32, 32))), {}, "has the shape (2, 2, 32, 32)"),
        (screen.viewer.add_image(nan, contrast_limits=(0, 1)), {}, "1,024 pixels that are no numb"),
        (grey, {"model": damaged}, "is no network of 'spikeseg export'"),
        (grey, {"model": damaged.with_name("gone.onnx")}, "there is no network"),
        (grey, {"model": damaged.parent}, "there is no network"),
        (grey, {"engine": "loihi"}, "holds the ANN, and the engine is loihi"),
    ):
        assert not screen.segment(layer, **{"engine": "ann"} | values)
        assert [message in text and "\n" not in text for text in screen.told] == [True], screen.told
    try:
        open_model("paper@champion")
    except ConfigError as error:
        assert "needs the whole of SpikeSeg" in str(error)


CHECKS: tuple[Callable[[Screen], None], ...] = (
    the_manifest_is_valid,
    the_sample_gives_what_segment_gives,
    layers_of_other_kinds,
    what_cannot_be_segmented_is_one_sentence,
)


def main(folder: Path) -> int:
    """Print a line for each check; return the number of those that failed."""
    failed = 0
    without_opengl()
    screen = Screen(folder)
    for check in CHECKS:
        try:
            check(screen)
            print(f"passed: {check.__name__.replace('_', ' ')}")
        except Exception:
            failed += 1
            traceback.print_exc()
            print(f"failed: {check.__name__.replace('_', ' ')}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed (napari {napari.__version__})")
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]))))
