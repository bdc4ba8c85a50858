"""Light imports; `make lint` checks the import contracts."""

import subprocess
import sys


def test_settings_load_without_the_heavy_packages() -> None:
    code = (
        "import sys, spikeseg_core.config.presets; "
        "print([m for m in ('tensorflow', 'nengo', 'prefect', 'mlflow') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


WITHOUT = ("nengo", "nengo_loihi", "nengo_dl", "tensorflow", "tf_keras", "keras", "pandas")

ALONE = f"""
import sys
for name in {WITHOUT!r}:
    sys.modules[name] = None  # importing it is an ImportError
import numpy as np
from spikeseg_core.frontends.emulation import emulate
from spikeseg_core.frontends.mapped import map_graph
from spikeseg_core.loihi.chip import Board
from spikeseg_core.network import Graph, Weights
from spikeseg_core.network.catalogue import u_net
from spikeseg_core.testing import cases, difference
from spikeseg_core.testing.engines import layered, stepwise

case = next(case for case in cases() if case.name == "convolution-skip")
assert not difference(case, layered) and not difference(case, stepwise), "spikes differ"
rng = np.random.default_rng(0)
network = u_net("tiny", 2, ((), (4,), (4,)), ((4,), (4,)))
kernels = {{
    f"{{target or 'readout'}}/{{c.source}}": rng.normal(size=network.kernel_shape(target, c)) / 9
    for target, c in network.links()
}}
biases = {{layer.name: np.zeros(layer.channels) for layer in network.layers}}
weights = Weights(kernels, biases | {{"readout": np.zeros(1)}})
graph = Graph.of(network, weights)
items = rng.uniform(size=(1, *graph.input_shape))
run = emulate(map_graph(graph, Board(2), items), items, 20)
assert run.energy.dynamic_mj > 0
"""


def test_mapping_integers_emulation_and_energy_run_without_nengo_and_tensorflow() -> None:
    result = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
