"""From a graph to spikes and energy, with numpy, numba, scipy and pymetis alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys

ABSENT = (
    "nengo nengo_dl nengo_loihi tensorflow tf_keras keras prefect mlflow pydantic pandas yaml h5py "
    "matplotlib PIL skimage zarr tifffile pyarrow onnx nir psutil"
)
sys.modules |= dict.fromkeys(ABSENT.split())  # importing them fails

import numpy as np

from spikeseg_core.frontends.emulation import emulate
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.mapped import map_graph
from spikeseg_core.frontends.operations import Operations
from spikeseg_core.frontends.reading import read_model
from spikeseg_core.loihi.chip import Board

to = Operations("plain", channels_first=True)
to.input("image", (6, 6, 1))
for source, name, inputs in (("image", "a", 1), ("a-relu", "b", 4)):
    kernel = np.full((3, 3, inputs, 4), 0.2)
    to.conv(name, source, kernel, None, strides=(1, 1), pads=((1, 1), (1, 1)))
    to.relu(f"{name}-relu", name)
to.flatten("flat", "b-relu", "channels first")
to.dense("out", "flat", np.eye(144, 2), None)
items = np.ones((1, 6, 6, 1))
run = emulate(map_graph(fold(to), Board(1), items), items, steps=40)
print(all(r.max() > 0 for r in run.rates.values()), run.energy.total_mj > 0)
"""


def test_a_network_goes_in_and_comes_out_as_spikes() -> None:
    here = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=here, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["True", "True"], ran.stderr
