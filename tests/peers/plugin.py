"""A pytest plugin for NengoLoihi's own tests: what they need, and the emulator under test.

The conftest of NengoLoihi's repository is not in its package; the settings here are its settings.
With ``--engine spikeseg`` every emulator that the tests make is the drop-in.
"""

import collections
import json
import pickle
import tempfile
from pathlib import Path

import matplotlib as mpl
import nengo_loihi
import numpy as np
import pytest
from nengo_loihi.builder.builder import Model, ValidationLevel
from nengo_loihi.emulator import EmulatorInterface
from scipy import ndimage

DIGITS = "mnist10.pkl"
MARKERS = ("target_sim", "target_loihi", "hang", "requires_multichip_snips")
REASONS = ("learning", "not discretized", "two synapses", "probes of")
made = collections.Counter()


def pytest_addoption(parser):
    parser.addoption("--target", default="sim")
    parser.addoption("--engine", default="nengo-loihi", choices=("nengo-loihi", "spikeseg"))
    parser.addoption("--made", help="file for how many emulators were made, by engine")


def pytest_configure(config):
    mpl.use("Agg")
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    EmulatorInterface.strict = True  # overflows raise
    Model.default_validation_level = ValidationLevel.FULL
    nengo_loihi.set_defaults()
    if config.getoption("--engine") == "spikeseg":
        use_the_drop_in(config)


def use_the_drop_in(config):
    from spikeseg_core.loihi import drop_in

    class Counted(drop_in.FastEmulator):
        def __init__(self, model, seed=None):
            super().__init__(model, seed)
            reason = next((r for r in REASONS if r in self.refused), self.refused)
            made["spikeseg" if self.engine else f"nengo-loihi ({reason})"] += 1

    drop_in.FastEmulator = Counted
    context = drop_in.fast_emulator()
    context.__enter__()
    config.add_cleanup(lambda: context.__exit__(None, None, None))


def pytest_collection_modifyitems(config, items):
    images = None
    for item in items:
        folder = getattr(item.module, "test_dir", None)
        if folder and folder != images and not (Path(folder) / DIGITS).exists():
            images = item.module.test_dir = images or stand_in_digits(config)
        if "target_loihi" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="runs on hardware only"))


def stand_in_digits(config):
    """Make ten images of smooth noise, where the package lacks the digits that its tests read."""
    noise = np.random.default_rng(0).random((10, 28, 28))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2), mode="wrap")
    low, high = smooth.min((1, 2), keepdims=True), smooth.max((1, 2), keepdims=True)
    images = ((smooth - low) / (high - low)).reshape(10, 784)
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    with (Path(folder.name) / DIGITS).open("wb") as file:
        pickle.dump((images, np.arange(10)), file)
    return folder.name


def pytest_sessionfinish(session):
    path = session.config.getoption("--made")
    if path:
        Path(path).write_text(json.dumps(made), encoding="utf-8")
