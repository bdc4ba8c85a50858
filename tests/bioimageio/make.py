"""``make bioimageio``: packages of networks with random weights.

``python -m tests.bioimageio.make FOLDER``, with the environment of development.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from spikeseg_core.inference.about import About
from spikeseg_core.inference.bioimageio_package import save_package
from spikeseg_core.network import catalogue
from tests.spikeseg_core.loihi.networks import random_network, random_weights


def make(folder: Path) -> list[Path]:
    """Write the networks of the presets, and a small one."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(22)
    networks = [*map(catalogue.network, ("quick", "paper")), random_network(rng, size=8)]
    made = []
    for network, grey in zip(networks, ("uint8", "uint16", "uint8"), strict=True):
        about = About(network.name, 0.4, 3, "noise", grey, pixel_nm=4.0, authors=("SpikeSeg",))
        example = rng.integers(0, np.iinfo(grey).max, (260, 260)).astype(grey)
        made.append(folder / f"{network.name}.zip")
        save_package(made[-1], network, random_weights(rng, network), example, about)
    return made


if __name__ == "__main__":
    make(Path(sys.argv[1]))
