"""Folders that the stages quantize and partition read, of small networks."""

import numpy as np

from spikeseg_core.network import save_network
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.loihi.networks import random_weights


def folders(tmp_path, network, rng):
    save_network(tmp_path / "tune", network, random_weights(rng, network))
    rates = {
        x.name: rng.gamma(0.5, 40, network.shape(x.name)).astype(np.float32) for x in network.layers
    }
    save_arrays(tmp_path / "convert" / "rates.npz", rates)
    return {name: tmp_path / name for name in ("tune", "convert", "quantize", "partition")}
